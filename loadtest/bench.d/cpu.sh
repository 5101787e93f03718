# The cost of a CPU profile while its window is open: the churn's CPU time per pair, and the playground's
# requests. The profiler is loaded in both cases. Sourced by bench.
# shellcheck shell=bash disable=SC2154

# sampled_churn NAME HZ THREADS: bench_churn with a listening profiler; HZ 0: without a window.
# The first fifth of the run is not measured, and the window opens in it.
sampled_churn() {
	local client='' at='' tries
	env LD_PRELOAD="$build/libleakprof.so" LEAKPROF_LISTEN=127.0.0.1:0 \
		"$build/bench_churn" "$3" "$cpu_ms" >"$work/churn" 2>"$work/churn-errors" </dev/null &
	local churning=$!
	servers+=("$churning")
	for ((tries = 0; tries < 200; tries++)); do
		at=$(grep -m1 -o 'http://[0-9.:]*' "$work/churn-errors") && break
		sleep 0.01
	done
	[[ -n $at ]] || fail "no profiler in the churn: $(cat "$work/churn-errors")"
	if [[ $2 != 0 ]]; then
		ask -o "$work/profile" "$at/debug/pprof/profile?seconds=30&hz=$2" 2>"$work/profile-errors" &
		client=$!
	fi
	wait "$churning" || fail "the churn ended badly: $(cat "$work/churn-errors")"
	forget "$churning"
	[[ -z $client ]] || wait "$client" || true # it ended with the program
	sed -nE 's/^([0-9.]+) [0-9.]+$/\1/p' "$work/churn" >>"$work/$1"
}

measure_sampled_churn() {
	local round threads hz
	for ((round = 1; round <= cpu_rounds; round++)); do
		say "churn while CPU time is sampled, round $round of $cpu_rounds"
		for threads in 1 2; do
			for hz in 0 100 1000; do sampled_churn "sampled-$hz-$threads" "$hz" "$threads"; done
		done
	done
	for threads in 1 2; do
		for hz in 100 1000; do
			row "churn, $threads thread$([[ $threads == 1 ]] || echo s): CPU profile at $hz Hz / none" \
				"$(ratio "sampled-$hz-$threads" "sampled-0-$threads")" "x" "$([[ $hz == 1000 ]] || echo "<=1.01")"
		done
	done
}

leave() {
	kill "$1" 2>/dev/null || true
	wait "$1" || true
}

# Measures requests alternately without and with a window, on one server. The profiler's thread shares its core.
measure_sampled_requests() {
	local round client hz
	start leakyard pin 0 "$build/leakyard" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 --threads 1 --rate 512K
	per_second "$pid" "$url/fixed/slice" >"$work/null" # warm
	for ((round = 1; round <= cpu_rounds; round++)); do
		say "requests while CPU time is sampled, round $round of $cpu_rounds"
		for hz in 0 100; do
			client=
			if [[ $hz != 0 ]]; then
				ask -o "$work/profile" "$pprof/debug/pprof/profile?seconds=30&hz=$hz" 2>"$work/profile-errors" &
				client=$!
			fi
			load_one "slice-$hz" "$pid" "$url/fixed/slice"
			[[ -z $client ]] || leave "$client"
		done
	done
	stop "$pid"
	row "/fixed/slice: no CPU profile" "$(median slice-0)" "a second"
	row "/fixed/slice: with one at 100 Hz / none" "$(ratio slice-100 slice-0)" "x" ">=0.99"
	row "/fixed/slice: CPU a request, the same" "$(ratio slice-100-cpu slice-0-cpu)" "x" "<=1.01"
}

measure_cpu() {
	measure_sampled_churn
	measure_sampled_requests
}
