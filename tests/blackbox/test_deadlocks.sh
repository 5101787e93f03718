# Threads that wait for each other: who does, where, and who waits behind them; and no word of it where threads only
# wait much.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

knots() { # MODE
	needs_preload
	built fixtures
	preload 0 "$build/fixtures/knots" "$1"
	wait_for 20 grep -q ready "$work/out"
}

# of NAME KEY: of that thread
of() {
	jq -r --arg name "$1" ".items[] | select(.name == \$name) | .$2 // \"-\"" "$work/threads.json"
}

# all_wait: every thread of the circle and behind it has gone to its wait
all_wait() {
	prof "/debug/pprof/threads?format=json" >"$work/threads.json"
	[[ $(jq '[.items[] | select(.deadlock)] | length' "$work/threads.json") -eq 6 ]]
}

test_circles() {
	: "the members of a circle, one that waits for itself, and those behind are told apart, with their places"
	knots deadlock
	wait_for 20 all_wait
	equal "first waits for" "$(of first waits_for)" "$(of second id)"
	equal "second waits for" "$(of second waits_for)" "$(of third id)"
	equal "third waits for" "$(of third waits_for)" "$(of first id)"
	equal "itself waits for" "$(of itself waits_for)" "$(of itself id)"
	equal "behind waits for" "$(of behind waits_for)" "$(of first id)"
	equal "last waits for" "$(of last waits_for)" "$(of behind id)"
	equal members "$(jq -r '[.items[] | select(.deadlock == "member") | .name] | sort | join(" ")' "$work/threads.json")" "first itself second third"
	equal behind "$(jq -r '[.items[] | select(.deadlock == "behind") | .name] | sort | join(" ")' "$work/threads.json")" "behind last"
	equal "in debug=2" "$(prof '/debug/pprof/threads?debug=2' | grep -c '^thread .*, deadlock\]')" 4
	equal "behind in debug=2" "$(prof '/debug/pprof/threads?debug=2' | grep -c '^thread .*, behind a deadlock\]')" 2

	curl -sS -o "$work/snapshot" -X POST "$pprof/debug/snapshots"
	prof "/debug/suspects?from=1" >"$work/suspects.json"
	equal circles "$(jq -c '[.deadlocks[] | [.[].name] | sort] | sort' "$work/suspects.json")" '[["first","second","third"],["itself"]]'
	equal "waits behind" "$(jq .behind_deadlocks "$work/suspects.json")" 2
	local line
	line=$(grep -n 'role->lock(' tests/fixtures/knots.c | cut -d: -f1)
	equal place "$(jq -c '.deadlocks[][] | select(.name == "first") | [.function, .line]' "$work/suspects.json")" "[\"knotted\",$line]"
	prof "/debug/suspects?from=1&format=text" >"$work/suspects"
	contains "$(<"$work/suspects")" "deadlock: 3 threads wait for each other, for "
	contains "$(<"$work/suspects")" "deadlock: a thread waits for a mutex that it holds itself, for "
	contains "$(<"$work/suspects")" "thread $(of first id) \"first\" waits for thread $(of second id) in knotted"
	contains "$(<"$work/suspects")" "2 more wait behind"
	ended
}

test_busy() {
	: "threads that nearly always wait for each other, but never in a circle, are no deadlock"
	knots busy
	local i waiting=0
	for ((i = 0; i < 60; i++)); do
		prof "/debug/pprof/threads?format=json" >"$work/threads.json"
		equal deadlocks "$(jq '[.items[] | select(.deadlock)] | length' "$work/threads.json")" 0
		waiting=$((waiting + $(jq '[.items[] | select(.waits_for)] | length' "$work/threads.json")))
	done
	[[ $waiting -ge 10 ]] || fail "only $waiting waits were seen in 60 looks"
	curl -sS -o "$work/snapshot" -X POST "$pprof/debug/snapshots"
	equal circles "$(prof "/debug/suspects?from=1" | jq -c '[.deadlocks, .behind_deadlocks]')" '[[],0]'
	ended
}

run_tests
