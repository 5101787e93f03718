# The dashboard as a client without a screen sees it: its files, and the stream of live figures.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

header() { # NAME: of the last answer
	tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip"
}

# files: what the page loads, and what that loads.
files() {
	{
		echo /
		prof / | grep -oE '(href|src)="/[^"]*"' | cut -d'"' -f2 | grep '^/ui/'
		local file
		for file in $(prof /ui/app.js | grep -oE "'\./[^']*'" | tr -d "'" | cut -c3-); do
			echo "/ui/$file"
			prof "/ui/$file" | grep -oE "^import .*'\./[^']*'" | grep -oE "[^/]*\.js" | sed 's|^|/ui/|'
		done
	} | sort -u
}

test_page() {
	: "the page and all it loads are served whole, packed or plain, under a policy that lets nothing inline or foreign in"
	serve
	local file policy tag size=0 packed
	for file in $(files); do
		equal "$file" "$(code GET "$pprof$file" --compressed -w '%{size_download} %{http_code}' | tee "$work/size" | cut -d' ' -f2)" 200
		size=$((size + $(cut -d' ' -f1 "$work/size")))
		equal "encoding of $file" "$(header Content-Encoding)" gzip
		cp "$work/body" "$work/unpacked"
		tag=$(header ETag)
		[[ $tag == '"'*'"' ]] || fail "$file: no strong ETag: $tag"
		equal "cache of $file" "$(header Cache-Control)" no-cache
		equal "sniffing of $file" "$(header X-Content-Type-Options)" nosniff
		policy=$(header Content-Security-Policy)
		contains "$policy" "default-src 'none'; script-src 'self'; style-src 'self'"
		[[ $policy != *unsafe* ]] || fail "$policy"
		equal "$file again" "$(code GET "$pprof$file" --compressed -H "If-None-Match: $tag")" 304
		equal "$file in other words" "$(code GET "$pprof$file" -H "If-None-Match: $tag")" 200
		equal "encoding of $file, plain" "$(header Content-Encoding)" ""
		cmp "$work/body" "$work/unpacked"
		packed=$(code GET "$pprof$file" -H 'Accept-Encoding: br, gzip;q=0' && header Content-Encoding)
		equal "$file, not packed please" "$packed" 200
		equal "HEAD $file" "$(code HEAD "$pprof$file")" 200
	done
	[[ $size -gt 20000 && $size -lt $((500 * 1024)) ]] || fail "$size bytes in all"
	code GET "$pprof/" >/dev/null
	equal type "$(header Content-Type)" "text/html; charset=utf-8"
	code GET "$pprof/ui/app.js" >/dev/null
	equal type "$(header Content-Type)" "text/javascript; charset=utf-8"
	for file in $(files | grep -vE 'chart.js|licence'); do
		! prof "$file" | grep -nE '(https?:)?//[a-z0-9-]+\.[a-z]' | grep -v 'http://www.w3.org/' || fail "$file names another site"
	done
	contains "$(prof /ui/licence.txt)" "Chart.js Contributors"
	contains "$(prof /ui/chart.js)" "Chart.js v"
	equal icon "$(code GET "$pprof/favicon.ico")" 200
	equal "unknown file" "$(code GET "$pprof/ui/none.js")" 404
	jq -e .error "$work/body"
	equal "a file is not changed" "$(code DELETE "$pprof/ui/app.js")" 405
	equal "view in the address" "$(code GET "$pprof/?view=live")" 200
	equal index "$(code GET "$pprof/debug/pprof/")" 200
}

test_gate() {
	: "the token holds for the page, its files and its stream; our own page may change things under each name of this machine, others' not"
	echo a-secret-of-some-length >"$work/token"
	serve --token-file "$work/token"
	local path name port=${pprof##*:}
	for path in / /ui/app.js /ui/chart.js /favicon.ico /debug/live; do
		equal "$path without it" "$(code HEAD "$pprof$path")" 401
		equal "$path with it" "$(code HEAD "$pprof$path" -H 'Authorization: Bearer a-secret-of-some-length')" 200
		equal "$path with a password" "$(code HEAD "$pprof$path" -u me:a-secret-of-some-length)" 200
	done
	for name in 127.0.0.1 localhost '[::1]'; do
		equal "POST as $name" "$(code POST "$pprof/debug/snapshots" -u me:a-secret-of-some-length -H "Host: $name:$port" \
			-H "Origin: http://$name:$port" -H 'Sec-Fetch-Site: same-origin')" 201
		equal "PUT as $name" "$(code PUT "$pprof/debug/rate?bytes=4096" -u me:a-secret-of-some-length -H "Host: $name:$port" \
			-H "Origin: http://$name:$port" -H 'Sec-Fetch-Site: same-origin')" 200
	done
	equal "DELETE" "$(code DELETE "$pprof/debug/snapshots/1" -u me:a-secret-of-some-length -H "Origin: $pprof")" 204
	equal "another origin" "$(code POST "$pprof/debug/snapshots" -u me:a-secret-of-some-length -H 'Origin: http://127.0.0.1:1')" 403
	equal "another site" "$(code GET "$pprof/debug/live" -u me:a-secret-of-some-length -H 'Sec-Fetch-Site: cross-site')" 403
	equal "a frame of another port" "$(code GET "$pprof/?view=live" -u me:a-secret-of-some-length -H 'Sec-Fetch-Site: same-site')" 200
	contains "$(header Content-Security-Policy)" "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"
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
	equal fields "$(data stream history | jq -c .fields)" "$(last_point stream | jq -c keys_unsorted)"
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
	: "a preloaded program has the dashboard, and its stream ends with it"
	preload 1 sleep 60
	contains "$(prof /)" "<title>leakprof</title>"
	listen stream
	wait_for 60 has_points stream 1
	equal program "$(data stream history | jq -r .program)" sleep
	ended
	wait "${readers[-1]}" || true
}

run_tests
