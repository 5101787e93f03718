# What is read of the kernel where the usual ways are closed: seccomp filters, a first thread that has ended.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

profiles="heap allocs threads goroutine threadcreate block mutex fds maps procs"

# strict OPTIONS -- COMMAND…: under a seccomp filter (tests/fixtures/strict.c).
strict() {
	built fixtures
	mkfifo "$work/orders"
	exec {orders}<>"$work/orders"
	export LEAKPROF_PROGRAM=$program
	preload 1 "$build/fixtures/strict" "$@" <"$work/orders"
}

rows() { prof "/debug/pprof/$1?format=json${2-}" | jq -sR "fromjson? | .samples | length"; }

# everything: all profiles, a snapshot, a difference.
everything() {
	local profile
	prof "/debug/rate?block_ns=1&mutex_fraction=1" -X PUT >"$work/null"
	for profile in $profiles; do
		prof "/debug/pprof/$profile?format=json" | jq -e .samples >"$work/null"
	done
	prof "/debug/pprof/profile?seconds=1" | gunzip -t
	prof "/debug/pprof/heap?gc=1" | gunzip -t
	snapshot one >"$work/null"
	prof "/debug/diff?profile=fds&from=1&to=now&format=json" | jq -e .samples >"$work/null"
	prof "/debug/suspects?from=1&to=now" | jq -e .suspects >"$work/null"
}

test_forbidden_calls() {
	: "no profile needs a call that service managers forbid: a filter that kills the process is not met"
	mkdir "$work/here"
	local program=descriptors
	export LEAKPROF_TRACE=100ms
	strict kill pidfd_getfd process_vm_readv ptrace -- "$build/fixtures/descriptors" "$work/here"
	wait_for 20 grep -q '^ready' "$work/out"
	everything
	wait_for 20 grep -q '^memtrace ' "$work/err"
	equal "kinds of sockets" "$(prof "/debug/pprof/fds?format=json" | jq -r '[.items[] | select(.name | endswith(" socket")) | .name] | unique | join(", ")')" \
		"netlink socket, tcp socket, udp socket, unix socket"
	kill -0 "$pid" || fail "the program was killed"
	ended
}

test_without_sock_diag() {
	: "where netlink is refused, sockets have what /proc/net has, and say what is not known"
	mkdir "$work/here"
	local program=descriptors
	strict refuse-sock-diag -- "$build/fixtures/descriptors" "$work/here"
	wait_for 20 grep -q '^ready' "$work/out"
	items() { prof "/debug/pprof/fds?format=json" | jq -r ".items[] | select(.name == \"$1\") | .state"; }
	equal "connections" "$(items "tcp socket" | grep -cE '^127.0.0.1:[0-9]+ -> 127.0.0.1:[0-9]+, (ESTABLISHED|CLOSE-WAIT|FIN-WAIT-[12]), Recv-Q [0-9]+ B, Send-Q 0 B, idle not known, no keepalive')" 45
	equal "half read" "$(items "tcp socket" | grep -c 'Recv-Q 4000 B')" 1
	equal "listeners" "$(items "tcp socket" | grep -cE '^127.0.0.1:[0-9]+, LISTEN, backlog 1$')" 1
	equal "Unix sockets" "$(items "unix socket" | sort -u)" "unnamed -> unnamed, idle not known"
	contains "$(items "netlink socket")" "not bound, or in another network namespace, idle not known"
	ended
}

test_undisturbed() {
	: "what the program closes while profiles are taken is closed at once, and it is notified as it asked"
	built fixtures
	mkfifo "$work/orders"
	exec {orders}<>"$work/orders"
	preload 524288 "$build/fixtures/undisturbed" <"$work/orders"
	wait_for 20 grep -q '^ready' "$work/out"
	prof "/debug/pprof/fds?format=json#[1-1500]" -o "$work/null"
	echo >&"$orders"
	wait "$pid"
	pid=
	local out closed stale
	out=$(tail -n 1 "$work/out")
	[[ $out =~ ^closed\ ([0-9]+),\ stale\ ([0-9]+),\ notified\ (yes|none)$ ]] || fail "$out"
	closed=${BASH_REMATCH[1]} stale=${BASH_REMATCH[2]}
	# The kernel itself holds a file while it writes its fdinfo. A duplicate of ours would be met far more often.
	((closed >= 100 && stale * 1000 <= closed)) || fail "$out"
}

test_main_ended() {
	: "after the first thread has ended by pthread_exit() every profile has rows, and suspects are found"
	built fixtures
	mkfifo "$work/orders"
	exec {orders}<>"$work/orders"
	preload 1 "$build/fixtures/main_ends" <"$work/orders"
	wait_for 20 grep -q '^ready' "$work/out"
	prof "/debug/rate?block_ns=1&mutex_fraction=1" -X PUT >"$work/null"
	snapshot before >"$work/null"
	echo >&"$orders"
	wait_for 20 grep -q '^more' "$work/out"
	local profile
	for profile in $profiles; do
		wait_for 20 has_rows "$profile" # a lock is recorded when it is let go
	done
	[[ $(rows profile "&seconds=1") -gt 0 ]] || fail "no CPU sample"
	equal program "$(prof /debug/pprof/cmdline | tr -d "\0")" "$build/fixtures/main_ends"
	prof "/debug/pprof/threads?format=json" | jq -e '.items | all(.id != '"$pid"')' >"$work/null" || fail "a thread that has ended is shown"
	equal "descriptors" "$(prof "/debug/pprof/fds?format=json" | jq '.items | length')" "$(find /proc/"$pid"/task/"$(live_thread)"/fd -mindepth 1 | wc -l)"
	prof "/debug/suspects?from=1&to=now" >"$work/suspects"
	local keeper
	for keeper in keep_blocks keep_descriptor keep_mapping keep_child wait_for_ever; do
		jq -e --arg f "$keeper" '.suspects | any(.stack | any(.function == $f))' "$work/suspects" >"$work/null" || fail "$keeper is no suspect: $(<"$work/suspects")"
	done
	jq -e '[.suspects[].stack[] | select(.function == "keep_blocks") | .file] | all(endswith("main_ends.c"))' "$work/suspects" >"$work/null"
	exec {orders}>&-
	ended
}
test_other_user() {
	: "after the program has given up root every profile has rows, and snapshots are taken"
	[[ $EUID -eq 0 ]] || skip "only root can become another user"
	built fixtures
	mkfifo "$work/orders"
	exec {orders}<>"$work/orders"
	preload 1 "$build/fixtures/main_ends" 65534 <"$work/orders"
	wait_for 20 grep -q '^ready' "$work/out"
	prof "/debug/rate?block_ns=1&mutex_fraction=1" -X PUT >"$work/null"
	local profile
	for profile in $profiles; do
		wait_for 20 has_rows "$profile"
	done
	[[ $(prof "/debug/pprof/maps?format=json" | jq '[.samples[].values[2]] | add') -gt 1000000 ]] || fail "nothing is resident"
	snapshot one >"$work/null"
	exec {orders}>&-
	ended
}
has_rows() { [[ $(rows "$1") -gt 0 ]]; }
live_thread() { # one that is neither the first nor the profiler's
	local task
	for task in /proc/"$pid"/task/*; do
		[[ ${task##*/} == "$pid" || $(<"$task/comm") == leakprof* ]] || break
	done
	echo "${task##*/}"
}

run_tests
