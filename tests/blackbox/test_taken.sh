# What takes long to be taken from the program is taken beside the loop: others are answered meanwhile. The program
# has threads that the kernel holds, so a look at their stacks lasts until they are let go.
# shellcheck shell=bash disable=SC2119,SC2317
. tests/blackbox/lib.sh
fixtures=$build/fixtures

# held: starts the fixture. Sets $pprof and $pid.
held() {
	needs_preload
	make -s fixtures
	rm -f "$work/in"
	paused 524288 "$fixtures/held" 200
}

let_go() {
	kill -USR1 "$pid"
}

# is_looked_at: a thread has a signal that it has not taken.
is_looked_at() {
	grep -qs '^SigPnd:.*[1-9a-f]' /proc/"$pid"/task/*/status
}

# slowly NAME METHOD PATH: starts a client, and waits until what it wants is being taken. Sets $client.
slowly() {
	queued "$@"
	wait_for 20 is_looked_at
}

# queued NAME METHOD PATH: starts a client. Sets $client.
queued() {
	rm -f "$work/$1.code"
	: >"$work/$1.sent"
	curl -sSv -m 100 -X "$2" -o "$work/$1" -w '%{http_code}' "$pprof$3" >"$work/$1.code" 2>"$work/$1.sent" &
	client=$!
	wait_for 10 grep -q "^> $2" "$work/$1.sent"
}

# leaving METHOD PATH: starts a client whose connection is reset when it is killed, and waits until what it wants is
# being taken. Sets $client. (After a mere close, the server waits for a second.)
leaving() {
	python3 -c '
import signal, socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.sendall(f"{sys.argv[2]} {sys.argv[3]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
signal.pause()' "${pprof##*:}" "$@" &
	client=$!
	wait_for 20 is_looked_at
}

waits() { # NAME: that client still waits
	[[ ! -s $work/$1.code ]] || fail "the slow answer of $1 came first"
}

# light NAME: what needs no look at the program is answered before that client.
light() {
	local path
	for path in /debug/pprof/ / /debug/rate /debug/processes /debug/snapshots /debug/pprof/cmdline; do
		equal "$path" "$(code GET "$pprof$path")" 200
	done
	waits "$1"
}

names() {
	prof /debug/snapshots | jq -c '[.snapshots[] | [.id, .name]]'
}

test_snapshot() {
	: "while a snapshot is taken, others are answered; snapshots are numbered in the order of the requests"
	held
	local clients
	slowly one POST "/debug/snapshots?name=one"
	clients=("$client")
	light one
	equal "so far" "$(names)" "[]"
	queued two POST "/debug/snapshots?name=two"
	clients+=("$client")
	light one
	waits two
	let_go
	wait "${clients[@]}"
	equal codes "$(<"$work/one.code") $(<"$work/two.code")" "201 201"
	equal snapshots "$(names)" '[[1,"one"],[2,"two"]]'
	ended
}

test_profiles() {
	: "so it is while a profile, a window, a difference or the suspects are taken"
	local path
	for path in "threads?debug=2" "threads?seconds=1" "profile?seconds=1" "diff?profile=threads&from=1" "suspects?from=1"; do
		held
		equal "first snapshot" "$(code POST "$pprof/debug/snapshots?name=first&stacks=0")" 201
		case $path in
		profile*) slowly other GET "/debug/pprof/threads?debug=1" && queued slow GET "/debug/pprof/$path" ;;
		threads*) slowly slow GET "/debug/pprof/$path" ;;
		*) slowly slow GET "/debug/$path" ;;
		esac
		light slow
		equal dropped "$(code DELETE "$pprof/debug/snapshots/first")" 204
		waits slow
		let_go
		wait "$client"
		equal "$path" "$(<"$work/slow.code")" 200
		ended
	done
}

test_periodic() {
	: "so it is while a periodic one is taken: it is there in the end, and is not if they were stopped meanwhile"
	held
	equal start "$(code PUT "$pprof/debug/snapshots?every=1h")" 200
	wait_for 20 is_looked_at
	light none
	equal "so far" "$(names)" "[]"
	let_go
	wait_for 20 eval '[[ $(names) == "[[1,\"\"]]" ]]'
	equal missed "$(prof /debug/snapshots | jq .periodic.missed)" 0
	ended
	held
	equal start "$(code PUT "$pprof/debug/snapshots?every=100ms")" 200
	wait_for 20 is_looked_at
	equal stop "$(code PUT "$pprof/debug/snapshots?every=0")" 200
	queued mine POST "/debug/snapshots?name=mine"
	let_go
	wait "$client"
	equal snapshots "$(names)" '[[1,"mine"]]'
	ended
}

test_gone() {
	: "a client that leaves meanwhile disturbs nobody; the snapshot that it wanted is kept"
	local path slow
	held
	leaving POST "/debug/snapshots?name=one"
	kill "$client"
	wait "$client" || true
	light none
	let_go
	wait_for 20 eval '[[ $(names) == "[[1,\"one\"]]" ]]'
	ended
	for path in "threads?debug=2" "threads?seconds=1" "threads?gc=1"; do
		held
		leaving GET "/debug/pprof/$path"
		slow=$client
		queued next GET "/debug/pprof/threads?debug=1"
		kill "$slow"
		wait "$slow" || true
		light next
		let_go
		wait "$client"
		equal next "$(<"$work/next.code")" 200
		ended
	done
}

# refused_once PATH: on a connection that is open already, this request meets a process that gets no descriptor. Prints
# the status.
refused_once() {
	python3 -c '
import http.client, resource, sys
port, pid, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
client.request("GET", "/debug/pprof/")
client.getresponse().read()
soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
client.request("GET", path)
answer = client.getresponse()
answer.read()
resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
print(answer.status)' "${pprof##*:}" "$pid" "$1"
}

test_refusal() {
	: "what is refused to another client meanwhile is no reason to refuse a snapshot"
	local clients codes try
	for try in 1 2 3 4 5; do # while the process gets no descriptor, the snapshot may want one itself
		held
		slowly one POST "/debug/snapshots?name=one"
		clients=("$client")
		queued two POST "/debug/snapshots?name=two"
		clients+=("$client")
		equal "another" "$(refused_once /debug/pprof/cmdline)" 503
		let_go
		wait "${clients[@]}"
		codes="$(<"$work/one.code") $(<"$work/two.code")"
		[[ $codes != "201 201" ]] || equal snapshots "$(names)" '[[1,"one"],[2,"two"]]'
		ended
		[[ $codes != "201 201" ]] || return 0
	done
	fail "codes in the last of $try tries: $codes"
}

test_stop() {
	: "the profiler can be ended while a snapshot is taken and others wait, and started again"
	held
	slowly one POST "/debug/snapshots?name=one"
	queued two POST "/debug/snapshots?name=two"
	queued over GET "/debug/pprof/threads?seconds=1"
	queued profile GET "/debug/pprof/threads?debug=1"
	echo stop >&9
	wait_for 20 grep -q '^stopping' "$work/out"
	let_go
	wait_for 30 grep -q '^stopped' "$work/out"
	echo start >&9
	wait_for 20 grep -q '^http' "$work/out"
	pprof=$(grep -o 'http://[0-9.:]*' "$work/out")
	equal profile "$(code GET "$pprof/debug/pprof/threads?debug=1")" 200
	equal snapshot "$(code POST "$pprof/debug/snapshots?name=three")" 201
	ended
}

run_tests
