# The fuzz targets. tests/fuzz/README.md describes them.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

needs_fuzzer() {
	[[ -z ${SANITIZE:-} ]] || skip "the fuzz targets have sanitizers of their own"
	make -s fuzz-if-possible >"$work/make.log" 2>&1 || fail "$(tail -n 20 "$work/make.log")"
	! grep -q 'are not built' "$work/make.log" || skip "$(<"$work/make.log")"
}

test_corpora() {
	: "each fuzz target reads its committed inputs, those that once failed included, without a report"
	needs_fuzzer
	timeout 300 tests/fuzz/run 0 >"$work/fuzz.log" || fail "$(<"$work/fuzz.log")"
	equal targets "$(find tests/fuzz -name "fuzz_*.c" | wc -l)" "$(grep -c '^ok' "$work/fuzz.log")"
}

test_fuzz() {
	: "each fuzz target runs for ten seconds without a report"
	[[ -n ${FUZZ_SECONDS:-} ]] || skip "only with --all"
	needs_fuzzer
	timeout 800 tests/fuzz/run "$FUZZ_SECONDS" >"$work/fuzz.log" || fail "$(<"$work/fuzz.log")"
}

run_tests
