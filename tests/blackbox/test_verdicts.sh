# Slow leaks are found where the figures allow it, and otherwise the answer says how large a leak would have been seen;
# what is healthy is not called leaking.
# shellcheck shell=bash
. tests/blackbox/lib.sh

slow=$build/fixtures/slow

done_times() { [[ $(grep -c '^done' "$work/out") -ge $1 ]]; }

# The verdict on a function of the heap.
verdict_on() { jq -r --arg f "$1" 'first(.suspects[] | select(.resource == "heap" and .function == $f) | .verdict) // "none"' "$work/suspects"; }

test_reloads() {
	: "72 bytes at each of 36 reloads, recorded exactly, are a leak; without a reload the place is flat, and the limit is told"
	built "$slow"
	paused 1 "$slow" reloads 36
	echo >&9 # the first one allocates what stays
	wait_for 10 done_times 1
	snapshot base >"$work/null"
	snapshot idle >"$work/null"
	prof "/debug/suspects?from=1&to=2&format=text" >"$work/text"
	contains "$(<"$work/text")" "flat: no place grew. Every allocation was recorded: steady growth by 5 blocks at one place would be a suspect."
	local i
	for ((i = 2; i <= 36; i++)); do
		echo >&9
		wait_for 10 done_times "$i"
		((i % 3)) || snapshot >"$work/null"
	done
	prof "/debug/suspects?from=1" >"$work/suspects"
	equal "the verdict" "$(verdict_on reload)" leaking
	equal "the growth" "$(jq '.suspects[0].growth' "$work/suspects")" $((35 * 72))
	contains "$(prof "/debug/suspects?from=1&format=text")" "cannot be told from a leak by growth alone"
	released
}

test_connections() {
	: "400 bytes at each of 4,000 connections: leaking at 4 KiB a sample; at 512 KiB, where three samples are due, the limit is told"
	local rate
	built "$slow"
	for rate in 4096 524288; do
		paused "$rate" "$slow" connections 500
		echo >&9
		wait_for 10 done_times 1
		snapshot base >"$work/null"
		local i
		for ((i = 2; i <= 9; i++)); do
			echo >&9
			wait_for 30 done_times "$i"
			snapshot >"$work/null"
		done
		prof "/debug/suspects?from=1" >"$work/suspects"
		if [[ $rate -eq 4096 ]]; then
			equal "the verdict" "$(verdict_on accept_one)" leaking
			jq -e '.suspects[] | select(.function == "accept_one") | .growth_low <= 1600000 and .growth_high >= 1600000' \
				"$work/suspects" >"$work/null" || fail "the interval misses the truth: $(<"$work/suspects")"
		else
			contains "$(jq -r .detection_limit "$work/suspects")" "growth above 1.50 MiB at one place would have been seen"
			[[ $(verdict_on accept_one) == none || $(verdict_on accept_one) == "too early to say" ]] || fail "$(<"$work/suspects")"
		fi
		released
		rm "$work/in"
	done
}

test_connpool() {
	: "a pool that never gets its connections back is leaking after 183 requests, recorded exactly"
	needs_heap
	serve --rate 1
	snapshot base >"$work/null"
	local i
	for ((i = 1; i <= 183; i++)); do
		get /leak/connpool >"$work/null"
		((i % 20)) || snapshot >"$work/null"
	done
	prof "/debug/suspects?from=1" >"$work/suspects"
	equal "the verdict" "$(jq -r '.suspects[0] | "\(.function): \(.verdict)"' "$work/suspects")" "connpool_leak: leaking"
}

test_idle() {
	: "an idle server has no suspects, and the answer tells what would have been seen"
	needs_heap
	local i rate limit
	for rate in 524288 auto; do
		serve --rate "$rate"
		for ((i = 0; i < 9; i++)); do snapshot >"$work/null"; done
		prof "/debug/suspects?from=1&format=text" >"$work/text"
		limit="would be a suspect, with 95 % confidence"
		[[ $rate != auto ]] || limit="Every allocation was recorded: steady growth by"
		contains "$(<"$work/text")" "$limit"
		grep -q '^flat: ' "$work/text" || fail "$(<"$work/text")"
		stop_server
	done
}

test_slow() {
	: "slow leaks of exact figures are found in a short run, and nothing is called leaking without its leak"
	local what part
	built "$slow"
	for what in leaks fixed; do
		LEAKPROF_SNAPSHOT_EVERY=300ms LEAKPROF_SNAPSHOT_KEEP=100 paused 1 "$slow" "$what" 11
		wait_for 60 done_times 1
		prof "/debug/suspects?from=1" >"$work/suspects"
		if [[ $what == leaks ]]; then
			for part in only_on_errors by_daily_load beside_churn short_thread; do
				equal "$part" "$(verdict_on "$part")" leaking
			done
			for part in one_in_a_thousand in_bursts; do # eleven blocks, and three bursts: nearly enough
				[[ $(verdict_on "$part") =~ ^(leaking|too early to say)$ ]] || fail "$part: $(verdict_on "$part")"
			done
		else
			equal "$what" "$(jq -c '[.suspects[] | select(.verdict == "leaking") | .function]' "$work/suspects")" '[]'
		fi
		released
		rm "$work/in"
	done
}

run_tests
