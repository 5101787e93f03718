# At a limit of the system a request is refused with a sentence, or answered right. After it is lifted, all is well.
# shellcheck shell=bash disable=SC2119,SC2317
. tests/blackbox/lib.sh

url=
user=() # runs a command as another user
trap 'stop_server; rmdir /sys/fs/cgroup/{,memory/,pids/}leakyard-$$ 2>/dev/null; rm -rf "$work"' EXIT

# limit RESOURCE NUMBER: of the running program. The hard limit stays.
limit() {
	"${user[@]}" prlimit --pid "$pid" "--$1=$2:"
}

lifted() { # RESOURCE
	limit "$1" "$("${user[@]}" prlimit --pid "$pid" --noheadings --raw --output HARD "--$1")"
}

sentence() { # what went wrong, why, and what to do: more than a word
	local text
	text=$(jq -er .error "$work/body" 2>/dev/null) || text=$(<"$work/body")
	((${#text} >= 20)) || fail "$1: no reason: '$text'"
}

# asked METHOD URL [CONTENT]: sets $status. 200 and 201 come with what was asked for, 503 and 507 with a reason.
# 000: the server could not accept the connection, and there was no answer within 2 s.
asked() {
	: >"$work/body"
	status=$(code "$1" "$2" -m 2 2>/dev/null) || true
	case $status in
	200 | 201)
		case ${3:-json} in
		json) jq -e 'type == "array" or has("error") == false' "$work/body" >"$work/json" || fail "$2: $(head -c 200 "$work/body")" ;;
		svg) [[ $(tail -n 1 "$work/body") == '</svg>' ]] || fail "$2: no whole picture" ;;
		pprof) gzip -t "$work/body" || fail "$2: no whole profile" ;;
		text) [[ -s $work/body ]] || fail "$2: empty" ;;
		esac
		;;
	503 | 507) sentence "$2" ;;
	000) ;;
	*) fail "$2: $status $(head -c 200 "$work/body")" ;;
	esac
	kill -0 "$pid" || fail "it has ended: $(tail -n 5 "$work/err")"
	echo "$status" >>"$work/statuses"
}

# some: requests of each kind. Their statuses are in $work/statuses.
some() {
	: >"$work/statuses"
	asked GET "$pprof/debug/pprof/cmdline" text
	if [[ $status != 000 ]]; then
		asked POST "$pprof/debug/snapshots"
		asked GET "$pprof/debug/pprof/heap" pprof
		asked GET "$pprof/debug/pprof/threads?format=svg" svg
		asked GET "$pprof/debug/pprof/fds?format=json"
		asked GET "$pprof/debug/diff?from=1&to=now&format=svg" svg
		asked GET "$pprof/debug/suspects?from=1&to=now&format=json"
	fi
	[[ $url ]] || return 0
	asked GET "$url/stats"
	if [[ $status != 000 ]]; then
		asked POST "$url/leak/thread?n=4"
		asked POST "$url/leak/client?n=4"
		asked POST "$url/leak/slice?n=40"
		asked POST "$url/fixed/thread?n=4"
	fi
}

# refused: some were, or this tests nothing.
refused() {
	sort "$work/statuses" | uniq -c >&2
	grep -qE '^(503|507|000)$' "$work/statuses" || fail "nothing was refused"
}

all_right() {
	some
	! grep -vE '^20[01]$' "$work/statuses" || fail "refused after the limit was lifted"
}

# through LIMIT NUMBER…: what comes under each limit, and after it.
through() {
	local resource=$1 number
	shift
	: >"$work/seen"
	for number in "$@"; do
		limit "$resource" "$number"
		some
		cat "$work/statuses" >>"$work/seen"
		lifted "$resource"
		asked GET "$pprof/debug/pprof/threads?format=svg" svg
		equal "the next request" "$status" 200
	done
	all_right
	mv "$work/seen" "$work/statuses"
	refused
}

# in_bytes FIELD: of /proc/PID/status
in_bytes() {
	awk -v field="$1:" '$1 == field { print $2 * 1024 }' "/proc/$pid/status"
}

both() { # TEST ARGUMENT…: on the playground, and on a program with the profiler preloaded
	serve --threads 2 --rate 4096
	snapshot >/dev/null
	"$@"
	ended
	url=
	preload 4096 /usr/bin/python3 -c 'import time; time.sleep(600)'
	snapshot >/dev/null
	"$@"
	ended
}

memory() { # RESOURCE FIELD
	local more numbers=()
	some # what is loaded once
	for more in 0 1500000; do
		numbers+=($(($(in_bytes "$2") + more)))
	done
	through "$1" "${numbers[@]}"
}

test_descriptors() {
	: "without descriptors (RLIMIT_NOFILE) requests are refused with a reason, and then all is well again"
	needs_preload
	both through nofile 12
}

test_address_space() {
	: "without address space (RLIMIT_AS) requests are refused with a reason, and then all is well again"
	needs_preload
	both memory as VmSize
}

# vm.overcommit_memory=2 refuses private writable memory, by mmap(), brk() and mprotect(), when too much is promised.
# RLIMIT_DATA counts the same memory, of one process.
test_commit() {
	: "so it is without memory that the kernel would have to promise (RLIMIT_DATA, as vm.overcommit_memory=2)"
	needs_preload
	both memory data VmData
}

# as_user COMMAND…: runs as a user that has no other processes, since root's are not limited.
as_user() {
	[[ $(id -u) -eq 0 ]] || skip "only root can become a user that has no other processes"
	setpriv --reuid 64711 --regid 64711 --clear-groups true 2>/dev/null || skip "setpriv is refused here"
	chmod 711 "$work"
	install -d -m 777 "$work/home"
	install -m 755 "$build/leakyard" "$build/libleakprof.so" "$build/libleakprof-reporter.so" "$work/home"
	TMPDIR=$work/home "$@"
}

nproc_limits() {
	limit nproc 1
	some
	refused
	lifted nproc
	all_right
}

test_threads_of_a_user() {
	: "without threads (RLIMIT_NPROC) requests are refused with a reason, and a program that starts so runs"
	needs_preload
	as_user true
	user=(setpriv --reuid 64711 --regid 64711 --clear-groups)
	: >"$work/out"
	"${user[@]}" env TMPDIR="$work/home" "$work/home/leakyard" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 --rate 4096 >"$work/out" 2>"$work/err" &
	pid=$!
	wait_for 20 started
	url=$(sed -n 1p "$work/out" | grep -o 'http://[^/ ]*') || fail "no server: $(<"$work/err")"
	pprof=$(sed -n 2p "$work/out" | grep -o 'http://[^/ ]*')
	snapshot >/dev/null
	nproc_limits
	ended
	local got
	got=$("${user[@]}" prlimit --nproc=1 env LD_PRELOAD="$work/home/libleakprof.so" LEAKPROF_LISTEN=127.0.0.1:0 echo alive 2>"$work/err")
	equal "the program" "$got" alive
	contains "$(<"$work/err")" "leakprof:"
}

# group CONTROLLER: makes a control group, and sets $group.
group() {
	group=/sys/fs/cgroup/$1/leakyard-$$
	[[ ! -e /sys/fs/cgroup/cgroup.controllers ]] || group=/sys/fs/cgroup/leakyard-$$
	mkdir "$group" 2>/dev/null || skip "control groups cannot be made here"
	[[ -e $group/$2 || -e $group/$3 ]] || skip "the $1 controller is not enabled for $group"
	file=$group/$2
	[[ -e $file ]] || file=$group/$3
}

test_group_of_processes() {
	: "without processes (cgroup) threads are refused with a reason, and then all is well again"
	needs_preload
	group pids pids.max pids.max
	serve --threads 2 --rate 4096
	echo "$pid" >"$group/cgroup.procs"
	snapshot >/dev/null
	cat "$group/pids.current" >"$file"
	some
	refused
	echo max >"$file"
	all_right
	ended
	local got
	echo 1 >"$file"
	got=$(bash -c 'echo $$ >"$1/cgroup.procs" && exec env LD_PRELOAD="$2" LEAKPROF_LISTEN=127.0.0.1:0 echo alive' - "$group" "$build/libleakprof.so" 2>"$work/err")
	equal "the program" "$got" alive
	contains "$(<"$work/err")" "leakprof:"
	rmdir "$group"
}

# here COMMAND…: what it starts stays in the group, this shell does not.
here() {
	local back
	back=$(awk -F: -v name="$1" '$2 == name || ($1 == 0 && name == "") { print $3 }' /proc/self/cgroup)
	shift
	back=${group%/leakyard-*}$back
	echo "$BASHPID" >"$group/cgroup.procs"
	"$@"
	echo "$BASHPID" >"$back/cgroup.procs"
}

test_group_with_little_memory() {
	: "in a cgroup with little memory nothing is killed: leaks stop at a share of it, and the profiles and snapshots are right"
	needs_preload
	group memory memory.limit_in_bytes memory.max
	local controller=memory i
	[[ $file != *memory.max ]] || controller=
	echo $((96 << 20)) >"$file"
	here "$controller" serve --threads 2 --rate 4096
	status=200
	for ((i = 0; i < 400 && status == 200; i++)); do
		asked POST "$url/leak/slice?n=100"
	done
	equal "the leak" "$status" 507
	some
	asked POST "$url/reset"
	equal "reset" "$status" 200
	all_right
	ended
	url=
	echo $((32 << 20)) >"$file"
	here "$controller" preload 4096 /usr/bin/python3 -c 'import time; blocks = [bytearray(1000) for _ in range(8000)]; time.sleep(600)'
	snapshot >/dev/null
	all_right
	ended
	rmdir "$group"
}

run_tests
