# A preloaded profiler that has no room: the program is unharmed, and every profile says what is missing.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# crowded LIBRARY [refused]: runs the crowd until it is ready; $losses is the sum of what was lost.
crowded() {
	rm -f "$work/in"
	mkfifo "$work/in"
	exec 9<>"$work/in" # both ends, so that nobody waits for the other
	library=$1 preload 1 "$build/fixtures/crowd" "${@:2}" <"$work/in" 9>&-
	wait_for 60 eval 'grep -q "^ready$" "$work/out" || ! kill -0 "$pid"'
	losses=$(awk '/^[a-z_]+ [0-9]+$/ { sum += $2 } END { print sum }' "$work/out")
}

# lost CAUSE...: each has happened.
lost() {
	local cause
	for cause; do
		grep -q "^$cause [1-9]" "$work/out" || fail "$cause: $(<"$work/out")"
	done
}

not_lost() {
	local cause
	for cause; do
		grep -q "^$cause 0$" "$work/out" || fail "$cause: $(<"$work/out")"
	done
}

# shown: the same number in every form of the profile.
shown() {
	prof "/debug/pprof/heap?format=json" >"$work/heap.json"
	equal json "$(jq .losses "$work/heap.json")" "$losses"
	prof "/debug/pprof/heap?format=text" >"$work/heap.txt"
	grep -q "^# losses: $losses events could not be recorded$" "$work/heap.txt" || fail "$(head "$work/heap.txt")"
	prof "/debug/pprof/heap?debug=1" >"$work/heap.txt"
	grep -q "^# losses: $losses$" "$work/heap.txt" || fail "$(grep '^#' "$work/heap.txt" | head -n 20)"
	prof "/debug/pprof/heap" >"$work/heap.pb.gz"
	go tool pprof -comments "$work/heap.pb.gz" >"$work/comments" 2>"$work/err.pprof"
	grep -q "$losses events could not be recorded" "$work/comments" || fail "$(<"$work/comments")"
}

# unharmed: the program finds every byte as it left it.
unharmed() {
	local status=0
	exec 9>&-
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
	equal "last word" "$(tail -n 1 "$work/out")" unharmed
}

test_full() {
	: "with every table full the program is unharmed, and profiles say how much is missing"
	needs_preload
	built fixtures
	built tiny
	crowded "$build/tiny/libleakprof.so"
	lost no_stack stacks_full sites_full blocks_full fds_full
	not_lost reentered free_missed no_memory
	shown
	unharmed
}

test_refused() {
	: "with memory refused the program is unharmed, and profiles say how much is missing"
	needs_preload
	built fixtures
	crowded "$build/libleakprof.so" refused
	lost no_memory no_stack stacks_full sites_full blocks_full fds_full
	not_lost reentered free_missed
	shown
	unharmed
}

test_room() {
	: "with room for all of it nothing is missing but the stacks that do not unwind"
	needs_preload
	built fixtures
	crowded "$build/libleakprof.so"
	not_lost reentered free_missed fds_full no_memory stacks_full sites_full blocks_full
	equal no_stack "$losses" 50
	shown
	equal "the crowd" "$(jq '[.samples[] | select(.stack[0].function == "crowd") | .values[2]] | add' "$work/heap.json")" 4096
	equal "those alone" "$(jq '[.samples[] | select(.stack[0].function == "allocate_alone") | .values[2]] | add' "$work/heap.json")" 50
	unharmed
}

run_tests
