# Filters of system calls (seccomp), from outside and by the program itself.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
lib=${library:-$build/libleakprof.so}
fixtures=$build/fixtures
filters=tests/fixtures/filters # facts of systemd, Docker and Linux

# paused_under FILTER: the same under a filter, which is there before the profiler.
paused_under() {
	mkfifo "$work/in"
	exec 9<>"$work/in"
	: >"$work/err"
	: >"$work/out" # the last program wrote "ready", too
	"$fixtures/filtered" $filters/"$1" env LD_PRELOAD="$lib" LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_RATE=1 "$fixtures/credentials" none <"$work/in" 9>&- >"$work/out" 2>"$work/err" &
	pid=$!
	ready
	pprof=$(grep -o 'http://[0-9.:]*' "$work/err" | tail -n 1)
}

test_filters() {
	: "under the filters of systemd and Docker, and with the calls of Linux 4.18 alone, programs run, served or not, and everything is served"
	needs_preload
	built fixtures
	local filter
	for filter in system-service docker old-kernel; do
		equal "not served" "$("$fixtures/filtered" $filters/$filter env LD_PRELOAD="$lib" LEAKPROF_RATE=1 sh -c 'id -u; echo ended')" "$(id -u)"$'\n'ended
		rm -f "$work/in"
		paused_under $filter
		everything
		equal missing "$(jq '[.profiles[] | select(.missing)] | length' "$work/snapshot")" 0
		equal gc "$(code GET "$pprof/debug/pprof/heap?gc=1")" 200
		equal page "$(code GET "$pprof/")" 200
		released
	done
}

test_own_filter() {
	: "a program that installs a filter itself is served if the filter allows it, and otherwise one line says so"
	needs_preload
	built fixtures
	local how rate
	for how in - --; do
		for rate in 1 524288; do
			equal "not served $how" "$(LD_PRELOAD=$lib LEAKPROF_RATE=$rate "$fixtures/filtered" narrow $how </dev/null && echo ended)" $'ready\nended'
			equal "served $how" "$(LD_PRELOAD=$lib LEAKPROF_RATE=$rate LEAKPROF_LISTEN=127.0.0.1:0 "$fixtures/filtered" narrow $how </dev/null 2>"$work/err" && echo ended)" $'ready\nended'
			equal lines "$(wc -l <"$work/err")" 2
			contains "$(tail -n 1 "$work/err")" "is no longer served: the program's filter of system calls"
		done
		rm -f "$work/in"
		paused 1 "$fixtures/filtered" $filters/system-service $how
		everything
		contains "$(prof '/debug/pprof/heap?format=folded')" "main;stay;keep"
		equal filtered "$(cat /proc/"$pid"/task/*/status | grep -c '^Seccomp:.*2')" 4
		released
	done
}

test_playground() {
	: "the playground runs under them, and everything is served"
	needs_preload
	built fixtures
	local filter
	for filter in system-service docker old-kernel; do
		: >"$work/out"
		"$fixtures/filtered" $filters/$filter "$build/leakyard" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 --rate 1 >"$work/out" 2>"$work/err" &
		pid=$!
		wait_for 20 started
		url=$(sed -n 1p "$work/out" | grep -o 'http://[^/ ]*') || fail "no server: $(<"$work/err")"
		pprof=$(sed -n 2p "$work/out" | grep -o 'http://[^/ ]*')
		equal leak "$(code GET "$url/leak/slice?n=10")" 200
		everything
		contains "$(prof '/debug/pprof/heap?format=folded')" "slice_leak"
		stop_server
	done
}

test_refused() {
	: "where the profiler's thread can have no descriptors of its own, one line says so, and the program runs"
	needs_preload
	built fixtures
	local filtered=$fixtures/filtered # Docker refuses unshare(), and Linux before 5.9 has no close_range()
	equal output "$("$filtered" $filters/old-kernel "$filtered" $filters/docker env LD_PRELOAD="$lib" LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_RATE=1 "$(type -P id)" -u 2>"$work/err")" "$(id -u)"
	equal lines "$(wc -l <"$work/err")" 1
	contains "$(<"$work/err")" "needs close_range()"
}

run_tests
