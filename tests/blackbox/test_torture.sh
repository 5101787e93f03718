# The preloaded profiler under a program that forks, throws, loads, cancels and handles signals at once.
# A minute each way; SOAK=SECONDS makes it another, and so does TORTURE=SECONDS for this test alone.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# tortured RATE: the program ends well while profiles are fetched and the rate changes under it.
tortured() {
	needs_preload
	built torture
	local seconds=${SOAK:-${TORTURE:-60}} n=0 status=0 rate
	local until=$((SECONDS + seconds + 60))
	preload "$1" "$build/torture" "$seconds" "$build/plugin.so"
	while kill -0 "$pid" 2>/dev/null; do
		[[ $SECONDS -lt $until ]] || kill -KILL "$pid"
		for rate in "$1" 0 262144; do
			curl -sS -m 30 -o "$work/body" "$pprof/debug/pprof/heap" && gunzip -t <"$work/body" && n=$((n + 1))
			curl -sS -m 30 -o "$work/body" "$pprof/debug/pprof/threads?debug=2" && n=$((n + 1))
			[[ $1 == 1 ]] || curl -sS -m 30 -o "$work/body" -X PUT "$pprof/debug/rate?bytes=$rate" || true
		done
	done 2>"$work/curl"
	wait "$pid" || status=$?
	pid=
	[[ $status -eq 0 ]] || fail "status $status (137: it hung): $(tail -n 5 "$work/err")"
	[[ $n -ge 3 ]] || fail "only $n profiles: $(cat "$work/curl")"
	echo "# rate $1, $seconds seconds, $n profiles; $(tr '\n' ';' <"$work/out")" >>"$build/torture.log"
}

test_unloaded_code() {
	: "code without unwind tables where a library's stood allocates unharmed"
	needs_preload
	built torture
	local rate
	for rate in 1 4096; do
		LEAKPROF_RATE=$rate LD_PRELOAD="$build/libleakprof.so" "$build/jit" "$build/plugin.so"
	done
}

test_forks() {
	: "fork beside a thread that flushes all streams, and in a signal handler above malloc, does not hang"
	needs_preload
	built torture
	local mode rate
	for mode in stdio handler; do
		for rate in 1 4096; do
			LEAKPROF_RATE=$rate timeout -s KILL 120 \
				env LD_PRELOAD="$build/libleakprof.so" LEAKPROF_LISTEN=127.0.0.1:0 "$build/forks" $mode
		done
	done
}

test_loader() {
	: "a child that inherits the loader's lock from a thread it does not have records without asking for it"
	needs_preload
	built torture
	local rate
	for rate in 1 4096; do
		LEAKPROF_RATE=$rate LD_PRELOAD="$build/libleakprof.so" "$build/forks" loader "$build/plugin.so"
	done
}

test_opening() {
	: "a child of a program that was loading a library loads nothing itself, and lives on"
	needs_preload
	built torture
	LEAKPROF_LISTEN=127.0.0.1:0 LD_PRELOAD="$build/libleakprof.so" "$build/forks" opening "$build/plugin.so" 2>"$work/err"
}

test_alone() {
	: "the profiler's thread never leaves the loader's lock to a child of a program of one thread"
	needs_preload
	built torture
	preload 1 "$build/forks" alone
	local n=0 status=0
	while kill -0 "$pid" 2>/dev/null; do
		prof "/debug/pprof/heap?format=text#[1-200]" >"$work/body" && n=$((n + 1))
	done 2>"$work/curl"
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
	[[ $n -gt 0 ]] || fail "no profile: $(<"$work/curl")"
}

test_exact() {
	: "at rate 1 a hard life goes on unharmed"
	tortured 1
}

test_sampled() {
	: "sampled, with the rate changing, a hard life goes on unharmed"
	tortured 16384
}

run_tests
