# Forked children that live on without exec are served, each at an address of its own.
# shellcheck shell=bash disable=SC2317,SC2046
. tests/blackbox/lib.sh
lib=${library:-$build/libleakprof.so}

processes() { # [BASE]: lines of pid, parent, URL or "none"
	curl -sS -m 60 "${1:-$pprof}/debug/processes" | jq -r '.processes[] | "\(.pid) \(.parent) \(.url // "none")"'
}

served() { # N [BASE]: are there N with an address?
	[[ $(processes "${2:-$pprof}" 2>/dev/null | grep -c http) -eq $1 ]]
}

children() { # of $pid, with their URLs
	processes | awk -v pid="$pid" '$1 != pid && $3 != "none" { print $1, $3 }'
}

# end_all: the children of $pid, then itself.
end_all() {
	local child
	for child in $(children | cut -d ' ' -f 1); do kill "$child" 2>/dev/null || true; done
	ended
}

# sound BASE: it answers what any process answers, and has a child's blocks.
sound() {
	contains "$(curl -sS -m 60 "$1/debug/pprof/heap?format=folded")" "child_keeps 17330"
	contains "$(curl -sS -m 60 "$1/debug/pprof/threads?debug=2")" lives
	curl -sS -m 60 -X POST "$1/debug/snapshots" | jq -e '.id == 1' >"$work/body"
	curl -sS -m 60 "$1/debug/suspects?from=1" | jq -e .suspects >"$work/body"
}

free_port() { # sets $port to one that was free just now
	preload 0 sleep 60
	port=${pprof##*:}
	ended
}

# fixed ADDRESS COMMAND…: like preload, at this address and rate 1.
fixed() {
	local address=$1
	shift
	LD_PRELOAD=$lib LEAKPROF_LISTEN=$address LEAKPROF_RATE=1 "$@" <&0 >"$work/out" 2>"$work/err" &
	pid=$!
	pprof=http://$address
}

test_workers() {
	: "each worker has its own address and its own figures, and the parent lists them"
	needs_preload
	built fixtures
	preload 1 "$build/fixtures/lives" workers 3
	wait_for 20 served 4
	local child url ids=()
	contains "$(prof '/debug/processes?format=text')" "$pprof"
	[[ ! $(prof '/debug/pprof/heap?format=folded') =~ child_keeps ]] || fail "a child's blocks in the parent"
	while read -r child url; do
		sound "$url"
		equal "pid at $url" "$(curl -sS "$url/debug/processes" | jq .pid)" "$child"
		ids+=("$child")
	done < <(children)
	equal "what is said" "$(<"$work/err")" "leakprof: $pprof/debug/pprof/"
	kill -KILL "${ids[0]}"
	wait_for 20 served 3
	equal status "$(code GET "$pprof/debug/processes?format=xml")" 400
	end_all
}

test_takeover() {
	: "at a fixed port the parent is served; when it ends, one of the workers is"
	needs_preload
	built fixtures
	free_port
	fixed "127.0.0.1:$port" "$build/fixtures/lives" workers 2
	wait_for 20 served 3
	equal "at the port" "$(prof /debug/processes | jq .pid)" "$pid"
	local ids
	ids=$(children | cut -d ' ' -f 1)
	kill -KILL "$pid"
	wait "$pid" || true
	wait_for 20 served 2 "$pprof"
	grep -qx "$(prof /debug/processes | jq .pid)" <<<"$ids" || fail "not a worker"
	sound "$pprof"
	for pid in $ids; do kill "$pid"; done
	pid=
}

test_daemon() {
	: "a daemon is served at the address that its parent had, or at its own"
	needs_preload
	built fixtures
	free_port
	local daemon address
	for address in "127.0.0.1:$port" "unix:$work/%p.sock" "unix:$work/fixed.sock"; do
		fixed "$address" "$build/fixtures/lives" daemon
		wait "$pid"
		pid=
		wait_for 20 grep -q . "$work/out"
		daemon=$(<"$work/out")
		if [[ $address == unix:* ]]; then
			address=${address#unix:}
			address=${address/\%p/$daemon}
			wait_for 20 curl -sf -o "$work/body" --unix-socket "$address" http://localhost/debug/processes
			equal pid "$(jq .pid "$work/body")" "$daemon"
		else
			wait_for 20 served 1
			sound "$pprof"
		fi
		kill "$daemon"
	done
}

test_threads() {
	: "children of a program with threads are served, whatever those and the profiler were doing"
	needs_preload
	built fixtures
	preload 1 "$build/fixtures/lives" threaded 12
	local url
	until served 13; do
		prof '/debug/pprof/heap?format=text' >"$work/body"
		prof '/debug/pprof/threads?debug=2' >"$work/body"
	done
	while read -r _ url; do sound "$url"; done < <(children)
	end_all
}

test_late() {
	: "a child that makes no telling call is served, if it lives on"
	needs_preload
	built fixtures
	preload 1 "$build/fixtures/lives" late
	wait_for 20 served 2
	sound "$(children | cut -d ' ' -f 2)"
	end_all
}

test_reader() {
	: "a child that only reads is served, if it lives on"
	needs_preload
	built fixtures
	mkfifo "$work/in"
	exec 9<>"$work/in"
	preload 1 "$build/fixtures/lives" reads <"$work/in" 9>&-
	wait_for 20 eval 'printf x >&9; served 2'
	sound "$(children | cut -d ' ' -f 2)"
	exec 9>&-
	end_all
}

list() { # BASE: the snapshots' numbers and names, and the schedule
	curl -sS -m 60 "$1/debug/snapshots" | jq -c '[[.snapshots[] | select(.periodic | not) | "\(.id) \(.name)"], .periodic.every_ms]'
}

periodic() { # the newest automatic snapshot
	prof /debug/snapshots | jq '[.snapshots[] | select(.periodic).id] | max // 0'
}

goes_on() { # NUMBER: does the parent take automatic snapshots after this one, and does its stream have more?
	[[ $(periodic) -gt $1 && -s $work/live ]]
}

test_apart() {
	: "a child begins with nothing of what its parent's profiler had, and neither changes the other"
	needs_preload
	built fixtures
	local url last live
	mkfifo "$work/in"
	exec 9<>"$work/in"
	preload 1 "$build/fixtures/lives" asked <"$work/in" 9>&-
	equal named "$(code POST "$pprof/debug/snapshots?name=parents")" 201
	equal schedule "$(code PUT "$pprof/debug/snapshots?every=100ms&keep=7&stacks=0")" 200
	curl -sN -m 60 "$pprof/debug/live" >"$work/live" 2>"$work/null" &
	live=$!
	wait_for 20 goes_on 3
	printf x >&9
	wait_for 20 served 2
	url=$(children | cut -d ' ' -f 2)
	[[ $url != "$pprof" ]] || fail "one address for both"
	equal "in the child" "$(curl -sS "$url/debug/snapshots" | jq -c '[.snapshots, .periodic]')" \
		'[[],{"every_ms":0,"keep":60,"stacks":true,"missed":0}]'
	equal "by name" "$(code GET "$url/debug/snapshots/parents")" 404
	sound "$url"
	equal "the child's name" "$(code PUT "$url/debug/snapshots/1?name=childs")" 200
	equal "the child's list" "$(list "$url")" '[["1 childs"],0]'
	equal "the parent's list" "$(list "$pprof")" '[["1 parents"],100]'
	last=$(periodic)
	: >"$work/live"
	wait_for 20 goes_on "$last"
	equal dropped "$(code DELETE "$url/debug/snapshots/1")" 204
	equal "the parent's, still" "$(list "$pprof")" '[["1 parents"],100]'
	kill "$live"
	kill -KILL "$pid"
	wait "$pid" || true
	sound_again "$url"
	exec 9>&-
	kill "$(curl -sS "$url/debug/processes" | jq .pid)"
	pid=
}

sound_again() { # BASE: without its parent
	equal snapshot "$(curl -sS -m 60 -X POST "$1/debug/snapshots?name=alone" | jq .name)" '"alone"'
	contains "$(curl -sS -m 60 "$1/debug/pprof/heap?format=folded")" "child_keeps 17330"
}

test_exec() {
	: "a child that gets ready for exec never has a thread of ours"
	needs_preload
	built fixtures
	LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_PROGRAM=lives "$build/fixtures/lives" execs 50 >"$work/out" 2>"$work/err"
	equal output "$(<"$work/out")" "failed 0"
}

at_port() { # NAME: is it the program that is served at $pprof?
	[[ $(prof /debug/pprof/cmdline 2>/dev/null | tr '\0' ' ') == "$1"* ]]
}

test_wrapper() {
	: "a program that only waits for another gives its address to that one, and takes it back"
	needs_preload
	built fixtures
	local child wrapper
	free_port
	mkfifo "$work/in"
	exec 9<>"$work/in"
	fixed "127.0.0.1:$port" bash -c "timeout 60 '$build/fixtures/lives' workers 1; read -r" <"$work/in" 9>&-
	wrapper=$pid
	wait_for 30 at_port "$build/fixtures/lives"
	wait_for 30 served 2
	sound "$(processes | awk '$3 != "none" { url = $3 } END { print url }')"
	equal "what is said" "$(<"$work/err")" "leakprof: http://127.0.0.1:$port/debug/pprof/"
	child=$(prof /debug/processes | jq .pid)
	kill "$child" $(children | cut -d ' ' -f 1)
	wait_for 30 at_port bash
	equal "again" "$(prof /debug/processes | jq .pid)" "$wrapper"
	equal "a stranger" "$(code POST "$pprof/debug/processes?pid=1&url=x")" 400
	exec 9>&-
	ended
}

test_busy_parent() {
	: "a program that does more than wait keeps its address, and lists what it has started"
	needs_preload
	built fixtures
	free_port
	fixed "127.0.0.1:$port" bash -c "'$build/fixtures/lives' workers 1 & while :; do read -t 0.05 -r; done" <"/dev/zero"
	wait_for 30 served 2
	equal "at the port" "$(prof /debug/processes | jq .pid)" "$pid"
	local url
	url=$(children | cut -d ' ' -f 2)
	wait_for 30 served 2 "$url"
	sound "$(processes "$url" | awk '$3 != "none" { url = $3 } END { print url }')"
	kill $(processes "$url" | cut -d ' ' -f 1)
	ended
}

test_handlers() {
	: "a child made in a signal handler is served if that interrupted a wait, and has no thread otherwise"
	needs_preload
	built fixtures
	preload 1 "$build/fixtures/lives" wait
	wait_for 20 served 2
	sound "$(children | cut -d ' ' -f 2)"
	end_all
	timeout -s KILL 60 env LD_PRELOAD="$lib" LEAKPROF_LISTEN=127.0.0.1:0 "$build/fixtures/lives" spin 100 >"$work/out" 2>"$work/err"
	equal output "$(<"$work/out")" "done"
}

test_handlers_in_malloc() {
	: "a handler of a program with one thread may fork, whatever it has interrupted"
	needs_preload
	built fixtures
	local way
	for way in end on; do
		"$build/fixtures/fork_in_handler" 1000 $way >"$work/plain"
		timeout -s KILL 60 env LD_PRELOAD="$lib" LEAKPROF_LISTEN=127.0.0.1:0 "$build/fixtures/fork_in_handler" 1000 $way >"$work/out" 2>"$work/err" ||
			fail "$way: status $?"
		equal "$way" "$(<"$work/out")" "$(<"$work/plain")"
		contains "$(<"$work/out")" "forks 1000 failed 0 before 1000 parent 1000"
	done
}

run_tests
