# The cost of the hooks for descriptors, per call and per connection. Sourced by bench.
# shellcheck shell=bash disable=SC2154

plain=(env -u LEAKPROF_LISTEN -u LEAKPROF_RATE -u LD_PRELOAD)
preloaded=("${plain[@]}" LD_PRELOAD="$build/libleakprof.so" LEAKPROF_RATE=524288)

fd_calls() { # NAME COMMAND...: runs bench_fds under this command; results go to fd-NAME-CALL
	local name=$1 call ns
	shift
	"$@" "$build/bench_fds" "$fd_batches" >"$work/fd-calls" </dev/null || fail "bench_fds, $name"
	while read -r call ns; do echo "$ns" >>"$work/fd-$name-$call"; done <"$work/fd-calls"
}

measure_fd_calls() {
	local round call
	for ((round = 1; round <= fd_rounds; round++)); do
		say "calls that open and close, round $round of $fd_rounds"
		fd_calls plain "${plain[@]}"
		fd_calls preloaded "${preloaded[@]}"
	done
	while read -r call _; do
		row "$call: plain" "$(median "fd-plain-$call")" "ns"
		paste "$work/fd-preloaded-$call" "$work/fd-plain-$call" | awk '{ print $1 - $2 }' >"$work/fd-more-$call"
		row "$call: more with the profiler" "$(median "fd-more-$call")" "ns" "<=1000"
	done <"$work/fd-calls"
}

# connections NAME COMMAND...: a bare server that closes the connection after each answer. Each call starts a new
# server, because the ports of the last one's connections are not free yet.
connections() {
	local name=$1 ticks
	shift
	start bare pin 0 "$@" "$build/bench_bare" 1
	ticks=$(cpu_ticks "$pid")
	(pin 1 wrk -t1 -c32 -d1s -H 'Connection: close' "$url/healthz") >"$work/wrk"
	ticks=$(($(cpu_ticks "$pid") - ticks))
	end "$pid"
	! grep -q 'Non-2xx' "$work/wrk" || fail "one request a connection: $(cat "$work/wrk")"
	awk '/^Requests\/sec:/ { print $2 }' "$work/wrk" >>"$work/accepts-$name"
	awk -v ticks="$ticks" -v hz="$(getconf CLK_TCK)" \
		'/ requests in / { print ticks / hz / $1 * 1e6 }' "$work/wrk" >>"$work/accepts-cpu-$name"
}

measure_accepts() {
	local round
	for ((round = 1; round <= accept_rounds; round++)); do
		say "one request a connection, round $round of $accept_rounds"
		connections plain "${plain[@]}"
		connections preloaded "${preloaded[@]}"
	done
	row "one request a connection: plain" "$(median accepts-plain)" "a second"
	row "one request a connection: with the profiler / plain" "$(ratio accepts-preloaded accepts-plain)" "x" ">=0.95"
	row "one request a connection: the same by CPU time" "$(ratio accepts-cpu-plain accepts-cpu-preloaded)" "x"
}

measure_fds() {
	measure_fd_calls
	measure_accepts
}
