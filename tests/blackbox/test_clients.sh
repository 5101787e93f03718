# What clients can make the two servers keep: connections, requests and answers all have a limit.
# shellcheck shell=bash disable=SC2119,SC2317
. tests/blackbox/lib.sh

clients() {
	timeout 60 /usr/bin/python3 tests/blackbox/clients.py "$@"
}

rss() { # KiB
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
}

# half_sent PORT PATH N SIZE: what came of them in $answers, how much they made the process grow in $grown (KiB).
half_sent() {
	local before
	before=$(rss)
	coproc clients half_sent "$@"
	exec 7<&"${COPROC[0]}" 8>&"${COPROC[1]}"
	read -r -t 60 answers <&7 && equal "half sent" "$answers" waiting
	grown=$(($(rss) - before))
	echo >&8
	read -r -t 60 answers <&7
	exec 7<&- 8>&-
	wait "$COPROC_PID" || true
}

token=0123456789abcdef-test

most() { # KiB: the runtime of a sanitizer keeps what was freed
	case ${SANITIZE:-} in address | thread) echo $((512 << 10)) ;; *) echo "$1" ;; esac
}

test_half_sent() {
	: "bodies without the token are refused before they are read, and with it they fill no memory"
	printf '%s\n' "$token" >"$work/token"
	chmod 600 "$work/token"
	serve --token-file "$work/token"
	half_sent "${pprof##*:}" /debug/pprof/symbol 200 1048576
	equal "without the token" "$answers" "401: 200"
	((grown < $(most $((8 << 10))))) || fail "grew by $grown KiB"
	ended
	serve
	half_sent "${pprof##*:}" /debug/pprof/symbol 200 1048576
	contains "$answers" "503: "
	((grown < $(most $((24 << 10))))) || fail "grew by $grown KiB: $answers"
	half_sent "${url##*:}" /leak/slice 200 65000
	((grown < $(most $((48 << 10))))) || fail "grew by $grown KiB: $answers"
	equal index "$(code GET "$pprof/debug/pprof/")" 200
}

test_idle() {
	: "with too many connections, those that are idle are closed, and a new one is served"
	serve
	local answer
	answer=$(clients idle "${pprof##*:}" 400)
	equal "the request" "$(head -n 1 <<<"$answer")" 200
	answer=$(sed -n 2p <<<"$answer")
	((${answer%% *} >= 400 - 300)) || fail "$answer of 400"
}

test_stubborn() {
	: "clients that read nothing do not keep others from an answer"
	serve
	equal "the request" "$(clients stubborn "${pprof##*:}" 250)" 200
}

test_framing() {
	: "a request is refused before its body, after the answers to the requests before it"
	local port bearer="Authorization: Bearer $token" post='POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\n'
	printf '%s\n' "$token" >"$work/token"
	chmod 600 "$work/token"
	serve --token-file "$work/token"
	port=${pprof##*:}
	local get="GET /debug/pprof/cmdline HTTP/1.1\r\nHost: localhost\r\n$bearer\r\n\r\n"
	equal "no token" "$(clients raw "$port" "${post}Content-Length: 3\r\n\r\n")" 401
	equal "behind another" "$(clients raw "$port" "$get$get${post}Content-Length: 3\r\n\r\n")" "200 200 401"
	equal "after another" "$(clients raw "$port" "$get" "${post}Content-Length: 3\r\n\r\n")" "200 401"
	equal "in pieces" "$(clients raw "$port" 'POST /debug/pprof/symbol HT' 'TP/1.1\r' '\nHost: localhost\r\nContent-Le' 'ngth: 3\r\n\r' '\n0')" 401
	equal "with it, in pieces" "$(clients raw "$port" "${post}$bearer\r\nContent-Le" 'ngth: 7\r\n\r' '\n0x1' "+0x2${get/cmdline HTTP\/1.1/cmdline HTTP\/1.0}")" "200 200"
	equal "chunks" "$(clients raw "$port" "${post}$bearer\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n0" 'x1\r\n0\r\n\r\n'"$get")" 200
	equal "chunks, no token" "$(clients raw "$port" "${post}Transfer-Encoding: chunked\r\n\r\n3\r\n0")" 401
	equal "too long" "$(clients raw "$port" "${post}$bearer\r\nContent-Length: 1048577\r\n\r\n")" 413
	equal "two lengths" "$(clients raw "$port" "${post}$bearer\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n")" 400
	equal "NUL" "$(clients raw "$port" 'GET / HTTP/1.1\r\nHost: local\x00host\r\n\r\n')" 400
	equal "a long token" "$(clients raw "$port" "${post}Authorization: Bearer $(printf 'x%.0s' {1..4000})\r\nContent-Length: 3\r\n\r\n")" 400
}

run_tests
