# The measured tables of leaks/README.md, as far as they can be tested in a moment.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

test_rows() {
	: "every scene has its row in the table of leaks/README.md (make matrix writes it)"
	serve --threads 1
	equal rows "$(sed -n '/^<!-- matrix -->$/,/^<!-- end of matrix -->$/p' leaks/README.md | sed -n 's/^| `\([a-z-]*\)`.*/\1/p')" \
		"$(get /scenes | jq -r '.scenes[].id')"
}

test_measured() {
	: "the matrix measures what a leak and a control add each time"
	[[ -z ${SANITIZE:-} ]] || skip "the plain build is measured"
	LEAKYARD_BUILD=$build scripts/matrix --profiles slice healthy >"$work/table" 2>"$work/log" || fail "$(<"$work/log")"
	grep -qE '^\| `slice` \| 64\.6 KiB \| 3 \| [0-9.]+ KiB / [0-9.]+ KiB \| · \| · \| · \| · \| · \| · \| · \| \? ' "$work/table" || fail "$(<"$work/table")"
	grep -qE '^\| `healthy` \| · \| · \| [0-9.]+ KiB / [0-9.]+ KiB \| · \| · \| · \| · \| · \| · \| · \| \? ' "$work/table" || fail "$(<"$work/table")"
}

test_verdicts_rows() {
	: "every scene has its row in the table of verdicts, and no fix is called leaking there (make verdicts writes it)"
	sed -n '/^<!-- verdicts -->$/,/^<!-- end of verdicts -->$/p' leaks/README.md | grep '^| `' >"$work/rows"
	serve --threads 1
	equal rows "$(sed -n 's/^| `\([a-z-]*\)`.*/\1/p' "$work/rows")" "$(get /scenes | jq -r '.scenes[].id')"
	equal "called leaking" "$(awk -F ' *[|] *' '$5 !~ /^0 of /' "$work/rows")" ""
}

test_verdicts_measured() {
	: "the verdicts are measured: a leak is found and its fix is not accused"
	[[ -z ${SANITIZE:-} ]] || skip "the plain build is measured"
	LEAKYARD_BUILD=$build scripts/verdicts --runs 1 --seconds 4 thread healthy >"$work/table" 2>"$work/log" || fail "$(<"$work/log")"
	grep -qE '^\| `thread` \| 1 of 1 \| (leaking|too early to say) 1 \| 0 of 1 \|' "$work/table" || fail "$(<"$work/table")"
	grep -qE '^\| `healthy` \| nothing leaks \| ' "$work/table" || fail "$(<"$work/table")"
	scripts/verdicts --runs 0 slice >"$work/table" 2>&1 && fail "no runs are taken"
	scripts/verdicts nosuch >"$work/table" 2>&1 && fail "an unknown scene is taken"
	contains "$(<"$work/table")" "there is no scene nosuch; there are: slice"
}

run_tests
