# Every call of the allocator gives what it gives without a profiler.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# calls ROUNDS: all that ask for memory themselves, and callers in libc. What a profiler saw of each is
# in $work/seen.
calls() {
	"$build/fixtures/alloc_calls" "$1" 2>"$work/seen"
	"$build/fixtures/alloc_in_libc" "$1" 2>>"$work/seen"
}

# compare: plain against every rate. Exact must see every block. A sampled block is where it would be
# without a profiler, so none is lost when memory is tight.
compare() {
	local rate seen
	built fixtures
	calls 1 >"$work/plain"
	[[ $(wc -l <"$work/plain") -gt 400 ]] || fail "only $(wc -l <"$work/plain") lines"
	for rate in 0 1 4096 16384 524288; do
		LD_PRELOAD=$build/libleakprof.so LEAKPROF_RATE=$rate calls 300 >"$work/preloaded"
		diff "$work/plain" "$work/preloaded" >"$work/diff" || fail "rate $rate: $(head -n 20 "$work/diff")"
		seen=$(<"$work/seen")
		contains "$seen" " kept 0 lost 0"
		contains "$seen" "lost of libc's calls 0"
		contains "$seen" "when memory was tight 0"
		case $rate in
		0) contains "$seen" " seen 0 " ;;
		1) [[ $seen =~ made\ ([0-9]+)\ seen\ ([0-9]+) && ${BASH_REMATCH[1]} -eq ${BASH_REMATCH[2]} ]] || fail "exact: $seen" ;;
		*) [[ $seen =~ seen\ [1-9] ]] || fail "nothing was sampled: $seen" ;;
		esac
	done
}

test_calls() {
	: "every call gives the same block, value and errno, plain and preloaded at every rate"
	needs_preload
	compare
}

test_perturbed() {
	: "the same where new memory is filled with rubbish"
	needs_preload
	MALLOC_PERTURB_=90 compare
}

run_tests
