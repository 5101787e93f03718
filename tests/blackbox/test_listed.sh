# With a list of the loaded objects in place of _dl_find_object(), as with glibc before 2.35. The unit tests are in
# build/listed/unit.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# all_pass NAME: the tests of another file pass with the library that has the list.
all_pass() {
	needs_preload
	built listed fixtures
	library=$build/listed/libleakprof.so bash "tests/blackbox/test_$1.sh" >"$work/$1" 2>&1 </dev/null
	! grep -A 5 '^not ok' "$work/$1" || fail "$1"
	grep -q '^1\.\.' "$work/$1" || fail "$1 has not ended"
}

test_import() {
	: "the library does not use what came with glibc 2.35"
	needs_preload
	built listed
	equal imports "$(nm -D --undefined-only "$build/listed/libleakprof.so" | grep -c _dl_find_object)" 0
}

test_preload() {
	: "preloaded programs are as with _dl_find_object()"
	all_pass preload
}

test_allocators() {
	: "so are other allocators, and what is loaded later"
	all_pass allocators
}

test_forks() {
	: "so are forked children"
	all_pass forks
}

run_tests
