# How long /bin/true takes, alternately plain and preloaded. Sourced by bench.
# shellcheck shell=bash disable=SC2154

measure_start() {
	say "short-lived processes, $start_rounds of each"
	env -u LEAKPROF_LISTEN -u LEAKPROF_RATE -u LD_PRELOAD "$build/bench_start" "$start_rounds" "$build/libleakprof.so" \
		>"$work/start" || fail "bench_start"
	row "fork, exec and end of true, preloaded / plain" "$(awk 'NR == 2 { print $4 }' "$work/start")" "times" "<=1.3"
}
