# Threads that come and go by the thousand while profiles are taken. Some seconds each way; SOAK=SECONDS
# makes it longer.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# Every profile of the index, cmdline and the like apart, which are none.
profiles() {
	prof /debug/pprof/ | grep -o "href='[a-z]*?format=svg'" | sed "s/href='//; s/?.*//"
}

said() { grep -q "^$1" "$work/out"; }

# ids PROFILE: of its items, in order.
ids() {
	prof "/debug/pprof/$1?format=json" | jq -e '.items[].id' | sort -n
}

tasks() { # but the profiler's own threads
	local task
	for task in "/proc/$pid/task"/*; do
		[[ $(<"$task/comm") == leakprof* ]] || echo "${task##*/}"
	done | sort -n
}

comes_and_goes() { # RATE
	needs_preload
	built fixtures
	local name names n=0 until status=0 seconds=${SOAK:-6}
	mkfifo "$work/told"
	exec 7<>"$work/told"
	preload "$1" "$build/fixtures/comers" <&7
	wait_for 60 said ready
	names=$(profiles)
	contains "$names" threads
	until=$((SECONDS + seconds))
	while [[ $SECONDS -lt $until || $n -lt 2 ]]; do
		kill -0 "$pid" || fail "it ended: $(tail -n 5 "$work/err")"
		for name in $names; do
			local window= # a CPU profile lasts as long as it is told to
			[[ $name != profile ]] || window='seconds=1'
			equal "$name" "$(code GET "$pprof/debug/pprof/$name?$window")" 200
			gunzip -t <"$work/body" || fail "$name is no profile"
			[[ $name == profile ]] || equal "$name" "$(code GET "$pprof/debug/pprof/$name?debug=2")" 200
		done
		equal snapshot "$(code POST "$pprof/debug/snapshots")" 201
		equal drop "$(code DELETE "$pprof/debug/snapshots/$(jq .id "$work/body")")" 204
		n=$((n + 1))
	done
	echo >&7
	wait_for 120 said quiet
	equal "threads, ours and the kernel's" "$(ids threads)" "$(tasks)"
	equal "those that stay" "$(ids threads | wc -l)" 6
	equal "descriptors, ours and the kernel's" "$(ids fds)" "$(find "/proc/$pid/fd" -type l -printf "%f\n" | sort -n)"
	local left
	for name in $names; do # what has ended and was given back stands in no row of what is live
		case $name in heap | threads | goroutine | fds | maps) ;; *) continue ;; esac
		left=$(prof "/debug/pprof/$name?format=folded" | grep -c 'come_and_go.* [1-9]' || true)
		equal "stale rows of $name" "$left" 0
	done
	kill "$pid"
	wait "$pid" || status=$?
	pid=
	equal status "$status" 143
	echo "# rate $1, $seconds seconds, $n rounds of $(wc -w <<<"$names") profiles, $(tail -n 1 "$work/out")" >>"$build/torture.log"
}

test_exact() {
	: "a thousand threads coming and going while every profile is fetched: no hang, no crash, no stale row"
	comes_and_goes 1
}

test_sampled() {
	: "the same when the heap is sampled"
	comes_and_goes 16384
}

run_tests
