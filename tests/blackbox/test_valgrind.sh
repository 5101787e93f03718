# What valgrind reports about a program with the profiler.
# shellcheck shell=bash disable=SC2317,SC2046
. tests/blackbox/lib.sh
lib=$build/libleakprof.so

# Without what differs from run to run: process ids, addresses, and the hooks' frames.
report() {
	sed -E 's/^==[0-9]+==/==/; s/^--[0-9]+--/--/; s/0x[0-9A-Fa-f]+/ADDRESS/; s/loss record .*//; /^leakprof: /d; /in .*libleakprof.so\)/d' "$1"
}

# same COMMAND…: valgrind's errors about it, its own output and its status, served or not.
same() {
	local plain=0 status setting
	timeout -s KILL 300 valgrind -q --leak-check=full --error-exitcode=9 "$@" >"$work/plain" 2>&1 || plain=$?
	for setting in LEAKPROF_RATE=1 LEAKPROF_LISTEN=127.0.0.1:0; do
		status=0
		env LD_PRELOAD="$lib" LEAKPROF_PROGRAM="$(basename "$1")" $setting timeout -s KILL 300 \
			valgrind -q --leak-check=full --error-exitcode=9 "$@" >"$work/preloaded" 2>&1 || status=$?
		equal "status of $1, $setting" "$status" "$plain"
		diff <(report "$work/plain") <(report "$work/preloaded") || fail "$*, $setting: above: < without, > with the profiler"
	done
	[[ $setting != LEAKPROF_LISTEN* ]] || contains "$(<"$work/preloaded")" "leakprof: http://"
}

test_errors() {
	: "valgrind's errors, the output and the status are those without the profiler"
	needs_preload
	command -v valgrind >/dev/null || skip "valgrind is not installed: scripts/deps matrix"
	built fixtures
	same /bin/true
	same "$build/fixtures/faulty"
	contains "$(<"$work/plain")" "6,685 bytes in 5 blocks are definitely lost"
	[[ ! -x /usr/bin/python3 ]] || same /usr/bin/python3 -c 1
}

test_nothing_printed() {
	: "valgrind prints no line about a program that is not served"
	needs_preload
	command -v valgrind >/dev/null || skip "valgrind is not installed: scripts/deps matrix"
	valgrind /bin/true >"$work/plain" 2>&1
	LD_PRELOAD=$lib valgrind /bin/true >"$work/preloaded" 2>&1
	diff <(report "$work/plain") <(report "$work/preloaded") || fail "above: < without, > with the profiler"
}

test_profiles() {
	: "valgrind reports no error about the profiler's own work"
	needs_preload
	command -v valgrind >/dev/null || skip "valgrind is not installed: scripts/deps matrix"
	built fixtures
	preload 1 LEAKPROF_PROGRAM=lives valgrind -q --log-file="$work/log" "$build/fixtures/lives" workers 1
	wait_for 60 grep -q 'leakprof: no allocation' "$work/err"
	for path in 'pprof/threads?debug=2' 'pprof/fds' 'pprof/maps?debug=1' 'pprof/heap' 'pprof/profile?seconds=1'; do
		equal "$path" "$(code GET "$pprof/debug/$path")" 200
	done
	equal snapshot "$(code POST "$pprof/debug/snapshots")" 201
	equal "valgrind's lines" "$(<"$work/log")" ""
	kill $(curl -sS -m 20 "$pprof/debug/processes" | jq ".processes[].pid | select(. != $pid)")
	ended
}

run_tests
