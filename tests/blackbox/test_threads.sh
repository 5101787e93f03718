# Threads: what they do and who created them, against a program whose threads are known, the kernel's
# own list, and go tool pprof.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
export PPROF_TMPDIR=$work HOME=$work

staff() {
	needs_preload
	built fixtures
	rm -f "$work/in"
	mkfifo "$work/in"
	exec {tell}<>"$work/in"
	preload 0 "$build/fixtures/staff" <"$work/in"
	wait_for 20 grep -q ready "$work/out"
	wait_for 20 settled
}

# What has ended may be in the kernel's list a moment longer.
settled() {
	[[ $(find "/proc/$pid/task" -maxdepth 1 -mindepth 1 | wc -l) -eq 16 ]] # 7 + 5, main, and the profiler's three
}

created() { # FUNCTION STATE: how many
	jq --arg function "$1" --arg state "$2" '[.samples[] | select(.label.state == $state)
		| select(any(.stack[]; .function == $function)) | .values[0]] | add // 0' "$work/threadcreate.json"
}

test_fates() {
	: "threadcreate tells the running, the detached and the never joined, each where it was created"
	staff
	prof "/debug/pprof/threadcreate?format=json" >"$work/threadcreate.json"
	equal running "$(created start_staff running)" 7
	equal detached "$(created start_freelancers detached)" 5
	equal forgotten "$(created forget_to_join "exited, not joined")" 3
	equal "joined ones" "$(jq '[.samples[] | select(any(.stack[]; .function == "join_them"))] | length' "$work/threadcreate.json")" 0
	equal all "$(jq '[.samples[].values[0]] | add' "$work/threadcreate.json")" 16
	equal "frames of the profiler" "$(jq '[.samples[].stack[] | select(.file | contains("profiler/"))] | length' "$work/threadcreate.json")" 0
	contains "$(prof "/debug/pprof/threadcreate?debug=2")" "[exited, not joined, "
	ended
}

test_kernel() {
	: "threads has exactly the threads that the kernel has, and every one its creator"
	staff
	prof "/debug/pprof/threads?format=json" >"$work/threads.json"
	jq '.items[].id' "$work/threads.json" | sort -n >"$work/ours"
	for task in /proc/"$pid"/task/*; do
		[[ $(<"$task/comm") == leakprof* ]] || echo "${task##*/}"
	done | sort -n >"$work/kernels"
	diff "$work/ours" "$work/kernels"
	equal creators "$(jq '[.items[] | select(.creator) | select(any(.creator[]; .function == "start_staff" or .function == "start_freelancers"))] | length' "$work/threads.json")" 12
	equal conditions "$(jq '[.items[] | select(.state | test("in futex 0x[0-9a-f]+ \\(condition\\)"))] | length' "$work/threads.json")" 12
	contains "$(prof "/debug/pprof/threads?debug=2")" "created by"
	ended
}

test_go() {
	: "go tool pprof reads both: -top, -traces and the label of the state"
	staff
	prof /debug/pprof/threadcreate >"$work/threadcreate.gz"
	prof /debug/pprof/goroutine >"$work/goroutine.gz"
	contains "$(go tool pprof -top -cum "$work/threadcreate.gz" 2>&1 | sed 's/  */ /g')" "7 43.75% start_staff"
	contains "$(go tool pprof -tags "$work/threadcreate.gz" 2>&1)" "exited, not joined"
	contains "$(go tool pprof -traces "$work/threadcreate.gz" 2>&1)" "forget_to_join"
	contains "$(go tool pprof -top -cum "$work/goroutine.gz" 2>&1 | sed 's/  */ /g')" "12 92.31% wait_for_work"
	ended
}

test_suspect() {
	: "threads that nobody joins are suspects of their own, and those that run are not accused twice"
	staff
	snapshot some >/dev/null
	for _ in {1..6}; do echo >&"$tell"; done
	wait_for 20 eval '[[ $(grep -c more "$work/out") -eq 6 ]]'
	wait_for 20 settled
	snapshot some >/dev/null
	prof "/debug/suspects?from=1&to=2" >"$work/suspects.json"
	equal suspects "$(jq -c '[.suspects[] | [.resource, .function, .growth]]' "$work/suspects.json")" '[["unjoined","forget_to_join",6]]'
	prof "/debug/diff?profile=threadcreate&from=1&to=2&format=json" >"$work/threadcreate.json"
	equal growth "$(created forget_to_join "exited, not joined")" 6
	ended
}

# switches: how often the program's threads have gone to sleep or were made to wait, in all.
switches() {
	local task
	for task in /proc/"$pid"/task/*; do
		[[ $(<"$task/comm") == leakprof* ]] || grep ctxt_switches "$task/status"
	done | awk '{ n += $2 } END { print n }'
}

# settled_down: one more look makes no thread run.
settled_down() {
	local before
	before=$(switches)
	prof "/debug/pprof/threads?format=json" >"$work/threads.json"
	[[ $(switches) -eq $before ]]
}

test_undisturbed() {
	: "threads that have not run since the last look are not interrupted, and are shown as before"
	needs_preload
	staff
	prof "/debug/pprof/threads?format=json" | jq '[.items[] | {id, stack, creator, name}]' >"$work/first.json"
	wait_for 20 settled_down
	local before
	before=$(switches)
	for _ in {1..5}; do
		prof "/debug/pprof/threads?format=json" >"$work/threads.json"
		code POST "$pprof/debug/snapshots" >"$work/null"
	done
	equal switches "$(switches)" "$before"
	jq '[.items[] | {id, stack, creator, name}]' "$work/threads.json" | diff "$work/first.json" -
	equal conditions "$(jq '[.items[] | select(.state | test("in futex 0x[0-9a-f]+ \\(condition\\)"))] | length' "$work/threads.json")" 12
	ended
}

test_moving() {
	: "a thread that has run since the last look is shown where it is now"
	needs_preload
	built fixtures
	local status=0
	preload 0 "$build/fixtures/timed_waits" 200
	while kill -0 "$pid" 2>/dev/null; do
		curl -sS -m 20 "$pprof/debug/pprof/threads?format=folded" || true
	done >"$work/seen" 2>>"$work/null"
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
	# Of some forty; a busy machine may miss some.
	[[ $(grep -oE '\bwait_[a-z_]+' "$work/seen" | sort -u | wc -l) -ge 20 ]] || fail "$(sort "$work/seen" | uniq -c)"
}

test_without_stacks() {
	: "a snapshot may leave the stacks out, and then no thread gets a signal"
	needs_preload
	export LEAKPROF_SNAPSHOT_EVERY=100ms LEAKPROF_SNAPSHOT_STACKS=0
	staff
	local before id
	before=$(switches)
	equal taken "$(code POST "$pprof/debug/snapshots?name=quiet&stacks=0")" 201
	id=$(jq .id "$work/body")
	wait_for 20 eval '[[ $(prof /debug/snapshots | jq "[.snapshots[] | select(.periodic)] | length") -ge 3 ]]'
	equal switches "$(switches)" "$before"
	prof "/debug/snapshots/$id/threads?format=json" >"$work/threads.json"
	equal threads "$(jq '.items | length' "$work/threads.json")" 13
	equal stacks "$(jq -c '[.items[].stack[].function] | unique' "$work/threads.json")" '["[no stack]"]'
	equal states "$(jq -c '[.items[].state] | unique' "$work/threads.json")" '["sleeping, in futex","sleeping, in read"]'
	equal "another value" "$(code POST "$pprof/debug/snapshots?stacks=2")" 400
	ended
}

# automatic FROM: the functions in the stacks of the newest of the automatic snapshots with numbers from FROM on.
automatic() {
	local id
	wait_for 20 eval '[[ $(prof /debug/snapshots | jq ".snapshots[-1].id") -ge '"$1"' ]]'
	id=$(prof /debug/snapshots | jq '.snapshots[-1].id')
	prof "/debug/snapshots/$id/threads?format=json" | jq -c '[.items[].stack[].function] | unique'
}

test_schedule_without_stacks() {
	: "automatic snapshots that are started by a request may leave the stacks out, until a request wants them again"
	local path=/debug/snapshots
	serve --threads 2
	equal with "$(code PUT "$pprof$path?every=100ms"):$(jq -c .stacks "$work/body")" 200:true
	[[ $(automatic 2) == *wait* ]] || fail "no stacks"
	equal without "$(code PUT "$pprof$path?every=100ms&stacks=0"):$(jq -c .stacks "$work/body")" 200:false
	equal none "$(automatic $(($(prof $path | jq '.snapshots[-1].id') + 2)))" '["[no stack]"]'
	equal kept "$(code PUT "$pprof$path?every=200ms"):$(jq -c .stacks "$work/body")" 200:false
	equal listed "$(prof $path | jq -c .periodic.stacks)" false
	equal again "$(code PUT "$pprof$path?every=100ms&stacks=1"):$(jq -c .stacks "$work/body")" 200:true
	[[ $(automatic $(($(prof $path | jq '.snapshots[-1].id') + 2))) == *wait* ]] || fail "still no stacks"
	equal "another value" "$(code PUT "$pprof$path?every=100ms&stacks=2")" 400
	prof $path | jq -e '.periodic.stacks and .periodic.every_ms == 100' || fail "a refused request changed the schedule"
}

run_tests
