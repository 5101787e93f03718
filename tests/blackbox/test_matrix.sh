# The table of what shows which, as far as it can be tested in a moment: the columns of the profiles.
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

run_tests
