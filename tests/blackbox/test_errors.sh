# What evhttp answers by itself, before a route sees the request, and whose evhttp it is.
# shellcheck shell=bash disable=SC2119,SC2317
. tests/blackbox/lib.sh

# raw PORT REQUEST: sends it as it is and reads until the server closes; status in $status, body in $work/body.
raw() {
	exec 3<>"/dev/tcp/127.0.0.1/$1"
	printf '%b' "$2" >"$work/request"
	cat "$work/request" >&3 # in one write: printf would write line by line, and find the connection closed
	timeout 20 cat <&3 >"$work/answer" || fail "not closed after ${2:0:60}"
	exec 3>&-
	tr -d '\r' <"$work/answer" | sed '/^$/q' >"$work/headers"
	tr -d '\r' <"$work/answer" | sed '1,/^$/d' >"$work/body"
	status=$(sed -n '1s/^HTTP\/1\.[01] \([0-9]*\) .*/\1/p' "$work/headers")
	equal "status lines after ${2:0:60}" "$(grep -ac '^HTTP/' "$work/answer")" 1
}

# refuses PORT STATUS REQUEST: with JSON that says why, which is all that is in the body.
refuses() {
	raw "$1" "$3"
	equal "${3:0:60}" "$status" "$2"
	equal "type after ${3:0:60}" "$(sed -n 's/^Content-Type: //Ip' "$work/headers")" application/json
	equal "length after ${3:0:60}" "$(sed -n 's/^Content-Length: //Ip' "$work/headers")" "$(wc -c <"$work/body")"
	said_why
}

line() { # LENGTH
	head -c "$1" /dev/zero | tr '\0' a
}

refuses_all() { # PORT MAX-HEAD MAX-BODY
	local port=$1 request
	for request in 'GARBAGE\r\n\r\n' 'GET\r\n\r\n' '\x01\x02\x03\r\n\r\n' 'GET / HTTP/9.9\r\n\r\n' 'GET /no/version/here\r\n\r\n' \
		'GET / HTTP/1.1\r\nno colon\r\n\r\n' 'POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n' \
		'POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n'; do
		refuses "$port" 400 "$request"
	done
	# A byte too long: the server refuses it when all of it has arrived, so nobody writes to a closed connection.
	refuses "$port" 400 "GET /$(line $(($2 - 4)))"
	refuses "$port" 400 "GET / HTTP/1.1\r\nX-Long: $(line $(($2 - 21)))"
	# What evhttp would take, although it has two meanings.
	for request in 'Host: localhost\r\nHost: localhost' 'Content-Length: 0\r\nContent-Length: 0' 'Transfer-Encoding: gzip' \
		'Origin: http://localhost\r\norigin: http://localhost' 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0'; do
		refuses "$port" 400 "POST /debug/snapshots HTTP/1.1\r\nConnection: close\r\n$request\r\n\r\n"
	done
	# If it is not clear where a body ends, or evhttp would not read it, what follows the head is not a request.
	for request in 'POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 40' 'POST / HTTP/1.1\r\nTransfer-Encoding: gzip' \
		'TRACE / HTTP/1.1\r\nContent-Length: 40' 'TRACE / HTTP/1.1\r\nTransfer-Encoding: chunked'; do
		refuses "$port" 400 "$request\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	done
	raw "$port" 'HEAD / HTTP/1.1\r\nContent-Length: 40\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
	equal "HEAD with a body" "$status" 400
	# A name that another server on the way may read in another way, or not at all.
	for request in 'Host : evil.example' 'Content-Length : 40' 'Transfer-Encoding\t: chunked' 'Content Length: 40' ': 1' 'X(1): 2' 'X\0303\0266: 2'; do
		refuses "$port" 400 "GET / HTTP/1.1\r\n$request\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	done
	for request in 'X: 1\rHost: localhost' 'X: 1\r\r' 'Host: localhost\r' 'Host: localhost\0000.evil.example' \
		'Content-Length: 0\000040' 'X: 1\r\n 2'; do
		refuses "$port" 400 "GET / HTTP/1.1\r\n$request\r\n\r\n"
	done
	for request in '\r\n Host: localhost' '\r\n\tHost: localhost'; do # a second line of a header that does not exist
		refuses "$port" 400 "GET / HTTP/1.1$request\r\n\r\n"
	done
	refuses "$port" 400 'GET /debug/rate#x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
	refuses "$port" 403 'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
	refuses "$port" 413 "POST / HTTP/1.1\r\nContent-Length: $(($3 + 1))\r\n\r\n"
	refuses "$port" 413 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'
	refuses "$port" 417 'POST / HTTP/1.1\r\nExpect: tea\r\nContent-Length: 3\r\n\r\nabc'
}

test_playground() {
	: "what evhttp refuses by itself is answered with JSON by the playground, and nothing has changed"
	serve
	local before port=${url##*:}
	before=$(held)
	refuses_all "$port" 65536 65536
	refuses "$port" 414 "GET /leak/slice?n=1&x=$(line 9000) HTTP/1.1\r\nConnection: close\r\n\r\n"
	refuses "$port" 431 "GET /leak/slice HTTP/1.1\r\nConnection: close\r\nX-Long: $(line 9000)\r\n\r\n"
	refuses "$port" 431 "GET /leak/slice HTTP/1.1\r\nConnection: close\r\n$(printf 'X-Many: 0123456789\\r\\n%.0s' {1..600})\r\n"
	refuses "$port" 501 'CONNECT localhost:80 HTTP/1.1\r\n\r\n'
	refuses "$port" 405 'BREW /leak/slice HTTP/1.1\r\n\r\n'
	contains "$(<"$work/headers")" "Allow: GET, POST"
	equal held "$(held)" "$before"
}

test_profiler() {
	: "so it is by the profiler in the playground"
	serve
	refuses_all "${pprof##*:}" 16384 1048576
	refuses "${pprof##*:}" 405 'BREW /debug/rate HTTP/1.1\r\nConnection: close\r\n\r\n'
	contains "$(<"$work/headers")" "Allow: GET, HEAD, PUT"
}

test_bodies() {
	: "the profiler takes a body only where it means something"
	serve
	local port=${pprof##*:} request
	for request in 'GET /debug/rate' 'POST /debug/snapshots' 'PUT /debug/rate?bytes=1' 'DELETE /debug/snapshots/1'; do
		refuses "$port" 400 "$request HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
	done
	refuses "$port" 400 "GET /debug/rate HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	contains "$(jq -r .error "$work/body")" "parameters go in the query"
	equal snapshots "$(prof /debug/snapshots | jq '.snapshots | length')" 0
	equal rate "$(prof /debug/rate | jq .auto)" true
	equal index "$(code GET "$pprof/debug/pprof/" -d x)" 400
	equal symbol "$(code POST "$pprof/debug/pprof/symbol" -d 0x1+0x2)" 200
}

test_preloaded() {
	: "and by the profiler in a program that knows nothing of it"
	preload 0 sleep 60
	refuses_all "${pprof##*:}" 16384 1048576
	ended
}

# Sends requests and reads no answer, until nobody takes more. Prints how many MiB were taken.
send_and_never_read() { # PORT PATH
	/usr/bin/python3 -c '
import select, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
s.connect(("127.0.0.1", int(sys.argv[1])))
s.setblocking(False)
request = (b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % sys.argv[2].encode()) * 2000
sent = 0
while sent < 256 << 20 and select.select([], [s], [], 3)[1]:
    sent += s.send(request)
print(sent >> 20)' "$1" "$2"
}

test_memory() {
	: "a client that sends and never reads is not read from any more, and fills no memory"
	serve
	local port path before taken grown clients most=$((32 << 10)) # KiB
	case ${SANITIZE:-} in address | thread) most=$((512 << 10)) ;; esac # the runtime keeps what was freed
	for port in "${url##*:}" "${pprof##*:}"; do
		before=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")
		clients=()
		for path in /stats /debug/pprof/ /no/such/page; do # at the same time: each waits for three seconds in the end
			send_and_never_read "$port" "$path" >"$work/taken-${path//\//-}" &
			clients+=($!)
		done
		wait "${clients[@]}"
		grown=$(($(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status") - before))
		while read -r taken; do
			((taken < 64)) || fail "$taken MiB of requests were taken"
		done < <(cat "$work"/taken-*)
		equal clients "$(cat "$work"/taken-* | wc -l)" 3
		((grown < most)) || fail "grew by $grown KiB"
	done
	equal index "$(code GET "$pprof/debug/pprof/")" 200
}

test_symbols() {
	: "none of libevent's functions is replaced, and the reporter exports none: a program with an evhttp of its own has libevent's error pages"
	local file
	! nm -D "$build/libleakprof-reporter.so" | grep -E ' (ev|bufferevent_)[a-z]*_' || fail "the reporter exports these or needs them"
	[[ $(nm "$build/leakyard" | grep -c ' U evhttp_new') -eq 1 ]] || fail "libevent is not shared"
	for file in "$build/leakyard" "$build"/libleakprof*.so "$build/libleakprof.a"; do
		! nm --defined-only "$file" 2>"$work/null" | grep -E ' [TW] (ev|bufferevent_)[a-z]*_' || fail "$file defines these"
	done
}

run_tests
