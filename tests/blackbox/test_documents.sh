# Every command in a document runs, and does what it is there for. The labs have test_labs.sh, load tests test_loadtest.sh.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/documents.sh

test_readme() {
	: "every command of README.md runs, and the first diagnosis ends at the line"
	needs_heap
	serve --budget-mem 512M
	runs README.md >"$work/readme.log" 2>&1 || fail "$(cat "$work/readme.log")"
	grep -q 'slice_leak.*leaks/slice.c' "$work/readme.log" || fail "no line found: $(cat "$work/readme.log")"
	xmllint --nonet --noout "$build/diff.svg"
}

test_profiler_tutorial() {
	: "every command of profiler/README.md runs: the preloaded program's leak ends at its line, the linked one starts"
	needs_preload
	tutorial_port=$(free_port)
	runs profiler/README.md >"$work/tutorial.log" 2>&1 || fail "$(cat "$work/tutorial.log")"
	grep -Eq '^ *\+.* handle_request +.*/hello\.c:9$' "$work/tutorial.log" || fail "no line found: $(<"$work/tutorial.log")"
	grep -q '^listening on http://127.0.0.1:[0-9]*/$' "$work/tutorial.log"
	xmllint --nonet --noout "$build/hello.svg"
	equal "the link line of README.md" "$(grep -o -- '-Wl,--whole-archive.*' README.md)" \
		"$(grep -o -- '-Wl,--whole-archive.*' profiler/README.md)"
}

test_profiler_reference() {
	: "every command of profiler/REFERENCE.md runs"
	serve --budget-mem 512M
	runs profiler/REFERENCE.md
}

test_security() {
	: "every command of SECURITY.md runs: the token is required, the certificate is good, the unit's exposure is low"
	[[ -z ${SANITIZE:-} ]] || skip "it is about the plain build"
	local tool
	for tool in openssl systemd-analyze; do command -v $tool >/dev/null || skip "$tool is not installed"; done
	systemd-analyze security --help | grep -q -- --offline || skip "this systemd-analyze has no --offline"
	tutorial_port=$(free_port)
	until other_port=$(free_port) && [[ $other_port != "$tutorial_port" ]]; do :; done
	runs SECURITY.md >"$work/security.log" 2>&1 || fail "$(<"$work/security.log")"
	equal "without the token" "$(grep -cx 401 "$work/security.log")" 1
	grep -q 'does match certificate' "$work/security.log" || fail "$(<"$work/security.log")"
	gzip -t <"$build/heap.pb.gz"
	equal "mode of the token" "$(stat -c %a "$build/token")" 600
	equal "the exposure" "$(sed -n 's/.*rates its exposure as \([0-9.]*\) of 10.*/\1/p' SECURITY.md)" \
		"$(sed -n 's/.*Overall exposure level for leakyard.service: \([0-9.]*\) .*/\1/p' "$work/security.log")"
}

test_losses() {
	: "profiler/COSTS.md names every cause of a loss"
	equal causes "$(sed -n '/^## Losses/,/^## /s/^| `\([a-z_]*\)`.*/\1/p' profiler/COSTS.md)" \
		"$(sed -n '/define LP_LOSSES/,/^$/p' profiler/sys/losses.h | grep -o '"[a-z_]*"' | tr -d '"')"
}

test_links() {
	: "every link between documents leads to a file, and to a heading where it names one"
	local document link target anchor
	for document in README.md SECURITY.md profiler/*.md loadtest/README.md leaks/README.md; do
		while read -r link; do
			target=${link%%#*} anchor=
			[[ $link != *#* ]] || anchor=${link#*#}
			target=${target:+$(dirname "$document")/$target}
			[[ -e ${target:-$document} ]] || fail "$document: $link"
			[[ -z $anchor ]] || sed -n 's/^##* //p' "${target:-$document}" | tr 'A-Z ' 'a-z-' | tr -d ':,`' |
				grep -qx -- "$anchor" || fail "$document: $link"
		done < <(grep -o ']([^):]*)' "$document" | sed 's/^](//; s/)$//')
	done
}

test_variables() {
	: "the reference's table of variables is the one the profiler is made with"
	equal "make config-text" "$(sed -n '/^| variable | value /,/^$/p' profiler/REFERENCE.md | sed '$d')" "$(make -s config-text)"
	[[ $("$build/config-text" man | grep -c '^\.B LEAKPROF_') -eq $(make -s config-text | grep -c LEAKPROF_) ]] || fail "$("$build/config-text" man)"
}

test_demo() {
	: "the demo finds every leak at its line, and every fix flat"
	[[ -z ${SANITIZE:-} ]] || skip "the demo measures the plain build"
	LEAKYARD_BUILD=$build NO_COLOR=1 timeout 120 scripts/demo >"$work/demo.log" 2>&1 || fail "$(cat "$work/demo.log")"
	grep -q 'slice_leak.*leaks/slice.c' "$work/demo.log"
}

run_tests
