# A sample of what `make faults` does in full: each allocation and system call fails in turn.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

faults() { # [OPTION...] PATTERN...
	needs_preload # a sanitizer's runtime has a malloc of its own
	built fixtures
	timeout 300 /usr/bin/python3 -B tests/faults.py --quick --build "$build" "$@" >"$work/faults" || fail "$(grep -v ' calls$' "$work/faults")"
	! grep -q '^0 faults' "$work/faults" || fail "nothing failed: $(<"$work/faults")"
}

test_playground() {
	: "out of memory the playground answers 503 or what is right, and goes on"
	faults --seconds 0.5 --calls malloc 'playground GET /stats' 'playground GET /scenes' 'playground GET /healthz' 'playground POST /leak/' 'playground POST /reset'
}

test_profiler() {
	: "so does the profiler, in each format, also in a program that knows nothing of it"
	faults --seconds 0.5 --calls malloc 'heap?format=svg' 'heap?format=pprof' 'to=now&format=text' 'preloaded POST /debug/snapshots'
}

test_calls() {
	: "a system call that fails is no wrong answer either, and no crash"
	faults --seconds 0.5 --calls open,epoll_ctl 'playground GET /stats' 'preloaded GET /debug/pprof/threads?format=svg' 'preloaded POST /debug/snapshots'
}

test_starts() {
	: "a start during which something fails ends with a reason, or serves; a preloaded program runs"
	faults --seconds 0.5 --calls malloc,epoll_ctl,write 'start of'
}

test_limits() {
	: "with few descriptors and little memory there is no crash and no wrong answer"
	needs_preload
	built fixtures
	timeout 300 /usr/bin/python3 -B tests/faults.py --quick --build "$build" --calls malloc 'limit NOFILE' 'limit AS' >"$work/faults" || fail "$(<"$work/faults")"
}

run_tests
