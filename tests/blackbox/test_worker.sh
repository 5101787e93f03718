# What takes long is made beside the loop: others are answered meanwhile. The slow answer is one whose names
# come from a debuginfod server that accepts and never answers.
# shellcheck shell=bash disable=SC2119,SC2317
. tests/blackbox/lib.sh
fixtures=$build/fixtures
export HOME=$work/home # the cache of libdebuginfod

# debuginfod: starts such a server. Sets $urls and $server.
debuginfod() {
	mkdir -p "$HOME"
	[[ -e $(ldconfig -p | sed -n 's/.*libdebuginfod.so.1 .*=> //p' | head -n 1) ]] || skip "libdebuginfod1 is not installed"
	local port
	python3 -u -m http.server --bind 127.0.0.1 --directory "$work" 0 >"$work/debuginfod" 2>&1 &
	server=$!
	wait_for 10 grep -q 'port [0-9]' "$work/debuginfod"
	port=$(grep -o 'port [0-9]*' "$work/debuginfod" | cut -d' ' -f2)
	kill -STOP "$server"
	urls=http://127.0.0.1:$port
	asked=$(printf ' 0100007F:%04X 01 ' "$port") # in /proc/net/tcp: an established connection to it
}

answers() { # it answers: there are no such files
	kill -CONT "$server"
}

gone() {
	kill -KILL "$server" 2>"$work/null" || true
	wait "$server" || true
}

is_asked() {
	grep -q "$asked" /proc/net/tcp
}

# slowly PATH: starts a client whose answer is being made. Sets $client.
slowly() {
	curl -sS -m 100 -o "$work/slow" -w '%{http_code}' "$pprof$1" >"$work/slow.code" &
	client=$!
	wait_for 20 is_asked
}

waits() { # the client still waits
	[[ ! -s $work/slow.code ]] || fail "the slow answer came first"
}

host() { # the fixture, with a block from a library whose debug file would come from the server
	needs_preload
	built fixtures
	debuginfod
	mkfifo "$work/in"
	exec 9<>"$work/in"
	LEAKPROF_DEBUGINFOD=90s DEBUGINFOD_URLS=$urls preload 1 "$fixtures/host" <"$work/in" 9>&-
	printf 'open %s\nkeep 10001\n' "$fixtures/hidden.so" >&9
	wait_for 10 eval '[[ $(wc -l <"$work/out") -ge 2 ]]'
}

test_light() {
	: "while names are looked up, all that needs none is answered, and snapshots are taken"
	host
	slowly "/debug/pprof/heap?format=json"
	local path
	for path in /debug/pprof/ /debug/pprof/cmdline / /debug/rate /debug/processes /debug/snapshots; do
		equal "$path" "$(code GET "$pprof$path")" 200
		waits
	done
	equal snapshot "$(code POST "$pprof/debug/snapshots?name=meanwhile")" 201
	equal renamed "$(code PUT "$pprof/debug/snapshots/1?name=later")" 200
	equal dropped "$(code DELETE "$pprof/debug/snapshots/1")" 204
	waits
	answers
	wait "$client"
	equal "slow answer" "$(<"$work/slow.code")" 200
	contains "$(jq -c '[.samples[].stack[].function]' "$work/slow")" '"hidden_keep'
	ended
	gone
}

# queued NAME PATH: starts a client, whose request waits behind the slow one. Sets $client.
queued() {
	curl -sSv -m 100 -o "$work/$1" -w '%{http_code}' "$pprof$2" >"$work/$1.code" 2>"$work/$1.sent" &
	client=$!
	wait_for 10 grep -q '^> GET' "$work/$1.sent"
}

test_order() {
	: "answers that wait are complete in the end; a snapshot that was deleted meanwhile is still in them"
	host
	local clients
	snapshot one >"$work/null"
	slowly "/debug/snapshots/1/heap?format=json"
	clients=("$client")
	queued diff "/debug/diff?from=one&format=json"
	clients+=("$client")
	queued suspects "/debug/suspects?from=one&format=text"
	clients+=("$client")
	equal snapshot "$(code POST "$pprof/debug/snapshots?name=two")" 201
	equal dropped "$(code DELETE "$pprof/debug/snapshots/1")" 204
	equal left "$(prof /debug/snapshots | jq -c '[.snapshots[].id]')" "[2]"
	waits
	answers
	wait "${clients[@]}"
	equal codes "$(<"$work/slow.code") $(<"$work/diff.code") $(<"$work/suspects.code")" "200 200 200"
	contains "$(jq -c '[.samples[].stack[].function]' "$work/slow")" '"hidden_keep'
	jq -e .samples "$work/diff" >"$work/null"
	contains "$(<"$work/suspects")" "snapshot 1"
	ended
	gone
}

test_gone() {
	: "if the client disconnects, its answer is given up, and the next one is made"
	host
	slowly "/debug/pprof/heap?format=json"
	kill "$client"
	wait "$client" || true
	contains "$(prof "/debug/pprof/symbol?0x1")" "num_symbols: 1"
	answers
	prof "/debug/pprof/heap?format=json" >"$work/heap.json" # what was given up is looked up again
	contains "$(jq -c '[.samples[].stack[].function]' "$work/heap.json")" '"hidden_keep'
	ended
	gone
}

test_half_closed() {
	: "a client that closes its sending side after the request gets its answer"
	serve
	# shellcheck disable=SC2016
	equal status "$(python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"GET /debug/pprof/heap?debug=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
s.shutdown(socket.SHUT_WR)
print(s.makefile("rb").readline().split()[1].decode())' "${pprof##*:}")" 200
}

test_full() {
	: "more requests than may wait are refused at once, with the time to wait; the others are answered"
	host
	local i pids=()
	slowly "/debug/pprof/heap?debug=1"
	for i in {1..72}; do
		curl -sS -m 100 -o "$work/body$i" -D "$work/headers$i" -w '%{http_code}\n' "$pprof/debug/pprof/fds?debug=1" >"$work/code$i" &
		pids+=($!)
	done
	wait_for 20 eval '[[ $(cat "$work"/code* | grep -c 503) -eq 8 ]]'
	i=$(grep -l 503 "$work"/code* | head -n 1)
	i=${i##*code}
	grep -qi '^retry-after: [1-9]' "$work/headers$i" || fail "$(<"$work/headers$i")"
	contains "$(<"$work/body$i")" "too many requests wait"
	equal index "$(code GET "$pprof/debug/pprof/")" 200
	waits
	answers
	wait "$client" "${pids[@]}"
	equal answered "$(cat "$work"/code* | grep -c 200)" 64
	ended
	gone
}

test_stop() {
	: "a server that is told to stop while an answer is being made does not wait for it"
	built fixtures
	debuginfod
	LEAKPROF_DEBUGINFOD=600s DEBUGINFOD_URLS=$urls serve
	slowly "/debug/pprof/threads?format=text"
	kill "$pid"
	wait_for 60 eval '! kill -0 "$pid" 2>"$work/null"'
	local status=0
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
	wait "$client" || true
	gone
}

test_slow_readers() {
	: "answers that nobody reads have a limit in total; beyond it clients are told to come back, and then served"
	built fixtures
	preload 1 "$fixtures/stacks" 12
	ready
	python3 - "${pprof##*:}" <<-'END' >"$work/said"
		import socket, sys, time
		port = int(sys.argv[1])
		def ask():
		    s = socket.socket()
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		    s.settimeout(60)
		    s.connect(("127.0.0.1", port))
		    s.sendall(b"GET /debug/pprof/heap?format=json HTTP/1.1\r\nHost: localhost\r\n\r\n")
		    return s, s.recv(12)[-3:]
		clients, status = [], b"200"
		while status == b"200" and len(clients) < 100:
		    client, status = ask()
		    clients.append(client)
		print(status.decode(), flush=True)
		for client in clients:
		    client.close()
		until = time.monotonic() + 20
		while status != b"200" and time.monotonic() < until:
		    time.sleep(0.05)
		    client, status = ask()
		print(status.decode())
	END
	equal "slow readers" "$(tr '\n' ' ' <"$work/said")" "503 200 "
	ended
}

run_tests
