# Every command of loadtest/README.md runs.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/documents.sh

test_loadtest_readme() {
	: "every command of loadtest/README.md runs"
	needs_heap
	[[ -z ${SANITIZE:-} ]] || skip "load figures mean nothing under a sanitizer"
	serve --budget-mem 512M
	runs loadtest/README.md
}

run_tests
