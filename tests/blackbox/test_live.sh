# The stream of live figures.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

header() { # NAME: of the last answer
	tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip"
}

readers=()
# listen NAME: reads the stream into $work/NAME.
listen() {
	curl -sN -m 300 -D "$work/$1.headers" "$pprof/debug/live" >"$work/$1" &
	readers+=($!)
}
unlisten() { # the newest one
	kill "${readers[-1]}"
	wait "${readers[-1]}" || true
	unset 'readers[-1]'
}
points() { grep -c '^event: point' "$work/$1" || true; }
has_points() { [[ $(points "$1") -ge $2 ]]; }
began() { grep -q '^event: history' "$work/$1"; }
data() { sed -n "/^event: $2/{n;s/^data: //p}" "$work/$1"; } # NAME EVENT
last_point() { data "$1" point | tail -n 1; }

grown() { [[ $(last_point stream | jq ".$1 // 0") -ge $2 ]]; }

test_live() {
	: "a stream begins with what was kept and goes on once a second, with the figures of the line of life"
	serve --rate 1 --memtrace 1s
	listen stream
	wait_for 60 has_points stream 2
	contains "$(tr -d '\r' <"$work/stream.headers")" "Content-Type: text/event-stream"
	data stream history | jq -e --argjson pid "$pid" '.program == "leakyard" and .pid == $pid and
		(.fields | index("time_ms") == 0) and (.fields | length) == (.points[0] | length)' >/dev/null
	equal fields "$(data stream history | jq -c .fields)" "$(last_point stream | jq -c "del(.heap_note) | keys_unsorted")"
	local threads fds
	threads=$(last_point stream | jq .threads) fds=$(last_point stream | jq .fds)
	get "/leak/thread?n=20" >"$work/body"
	get "/leak/client?n=20" >"$work/body"
	get "/leak/slice?n=20&size=65536" >"$work/body"
	wait_for 60 grown threads $((threads + 20))
	wait_for 60 grown fds $((fds + 20))
	last_point stream | jq -e '.rss_bytes > 0 and .own_bytes > 0 and .losses == 0' >/dev/null
	traced() { grep -q "^memtrace .* threads $(last_point stream | jq .threads) " "$work/err"; }
	wait_for 60 traced
	needs_heap
	wait_for 60 grown heap_bytes $((20 * 65536))
	last_point stream | jq -e '.alloc_bytes >= .heap_bytes and .heap_error == 0' >/dev/null
	listen late
	wait_for 60 began late
	[[ $(data late history | jq '.points | length') -ge 3 ]] || fail "nothing was kept"
	data late history | jq -e '[.points[][0]] | . == (sort | unique)' >/dev/null
}

test_bounded() {
	: "no more than sixteen streams: one more is told what to do, and may come when another has gone"
	serve
	local i
	for i in {1..16}; do
		listen "$i"
	done
	for i in {1..16}; do
		wait_for 60 began "$i"
	done
	equal "one more" "$(code GET "$pprof/debug/live")" 503
	contains "$(jq -r .error "$work/body")" "close one"
	[[ $(header Retry-After) -gt 0 ]] || fail "no Retry-After"
	unlisten
	free() { [[ $(curl -sN -m 1 -o "$work/body" -w '%{http_code}' "$pprof/debug/live") == 200 ]]; }
	wait_for 60 free
	equal "others are answered" "$(code GET "$pprof/debug/pprof/")" 200
}

# A client with room for next to nothing that asks and does not read.
sleeper() { # SECONDS
	/usr/bin/python3 -c '
import select, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
s.connect(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"GET /debug/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
poll = select.poll()
poll.register(s, 0)
print("dropped" if poll.poll(int(sys.argv[2]) * 1000) else "kept")
' "${pprof##*:}" "$1"
}

test_unread() {
	: "a client that does not read is dropped, and the others go on"
	case ${SANITIZE:-} in undefined | thread) skip "it takes half a minute: once plain, once with AddressSanitizer" ;; esac
	serve
	listen stream
	wait_for 60 began stream
	equal "who does not read" "$(sleeper 300)" dropped
	local before
	before=$(points stream)
	wait_for 60 has_points stream $((before + 2))
}

# A client that reads its stream, and sends meanwhile what fills all buffers there are; says how much that was.
talker() {
	/usr/bin/python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"GET /debug/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
points = sent = 0
s.settimeout(3)
try:
    while sent < 100 << 20:
        sent += s.send(bytes(65536))
except TimeoutError:
    pass
s.settimeout(60)
while points < 2:
    points += s.recv(4096).count(b"event: point")
print(sent)
' "${pprof##*:}"
}

test_talker() {
	: "what a client sends while it reads a stream is not taken in without end, and it reads on"
	serve
	local sent
	sent=$(talker)
	[[ $sent -lt $((50 << 20)) ]] || fail "$sent bytes were taken in"
	equal "others are answered" "$(code GET "$pprof/debug/pprof/")" 200
}

test_preloaded() {
	: "a preloaded program has a stream, and it ends with it"
	preload 1 sleep 60
	listen stream
	wait_for 60 has_points stream 1
	equal program "$(data stream history | jq -r .program)" sleep
	ended
	wait "${readers[-1]}" || true
}

run_tests
