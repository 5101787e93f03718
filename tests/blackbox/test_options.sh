# How the server starts, refuses to start, and stops.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

refuses() { # WANTED-TEXT OPTIONS...
	local wanted=$1 status=0
	shift
	"$build/leakyard" "$@" >"$work/out" 2>"$work/err" || status=$?
	equal "status of $*" "$status" 1
	equal "lines of error" "$(wc -l <"$work/err")" 1
	contains "$(cat "$work/err")" "$wanted"
	equal "output" "$(cat "$work/out")" ""
}

test_help() {
	: "--help and --version answer on standard output with status 0"
	contains "$("$build/leakyard" --help)" "--budget-mem"
	contains "$("$build/leakyard" --version)" "leakyard"
}

test_bad_options() {
	: "a bad option or value is one line that says what is allowed, and status 1"
	refuses "--help" --bogus
	refuses "--rate" --rate many
	refuses "--rate" --rate
	refuses "--threads" --threads 0
	refuses "--threads" --threads -1
	refuses "--listen" --listen nowhere
	refuses "--listen" --listen 127.0.0.1:99999
	refuses "--budget-mem" --budget-mem 12Q
}

test_token_files() {
	: "a token file that cannot be read, is empty, too short, too long or has spaces is refused"
	refuses "No such file" --token-file /nonexistent
	local line
	for line in short '' 'a token of some length' "$(head -c 300 /dev/zero | tr '\0' a)" 'a-token-of-some-léngth'; do
		secret "$line"
		refuses "the first line must be 16 or more characters without spaces" --token-file "$work/token"
	done
	: >"$work/token"
	refuses "the first line must be 16" --token-file "$work/token"
	secret a-token-of-some-length
	for line in 777 644 620; do
		chmod $line "$work/token"
		refuses "other users can read or change it. Use chmod 600" --token-file "$work/token"
	done
	mkfifo -m 600 "$work/fifo" # and nobody writes into it
	refuses "it is not a regular file" --token-file "$work/fifo"
	refuses "it is not a regular file" --token-file "$work"
}

test_preloaded_token() {
	: "a preloaded program requires the token of LEAKPROF_TOKEN_FILE, and does not listen without a good one"
	secret a-token-of-some-length
	LEAKPROF_TOKEN_FILE=$work/token preload 0 sleep 60
	equal "without it" "$(code GET "$pprof/debug/rate")" 401
	equal "with it" "$(code GET "$pprof/debug/rate" -u :a-token-of-some-length)" 200
	ended
	chmod 644 "$work/token"
	LD_PRELOAD=$build/libleakprof.so LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_TOKEN_FILE=$work/token /bin/true 2>"$work/err"
	contains "$(<"$work/err")" "leakprof: LEAKPROF_TOKEN_FILE: $work/token: other users can read or change it. Use chmod 600"
	mkfifo -m 600 "$work/fifo"
	LD_PRELOAD=$build/libleakprof.so LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_TOKEN_FILE=$work/fifo /bin/true 2>"$work/err"
	equal error "$(<"$work/err")" "leakprof: LEAKPROF_TOKEN_FILE: $work/fifo: it is not a regular file"
	chmod 600 "$work/token"
	printf 'short\n' >"$work/token"
	LD_PRELOAD=$build/libleakprof.so LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_TOKEN_FILE=$work/token /bin/true 2>"$work/err"
	equal "said" "$(<"$work/err")" \
		"leakprof: LEAKPROF_TOKEN_FILE: $work/token: the first line must be 16 or more characters without spaces"
}

test_beyond_loopback() {
	: "without a token it listens on loopback only"
	refuses "token" --listen 0.0.0.0:0
	refuses "token" --pprof 0.0.0.0:0
}

test_port_in_use() {
	: "a port in use is one line and status 1, for either port"
	serve
	refuses "${url#http://}" --listen "${url#http://}" --pprof 127.0.0.1:0
	refuses "${pprof#http://}" --listen 127.0.0.1:0 --pprof "${pprof#http://}"
}

test_stops_cleanly() {
	: "SIGINT and SIGTERM end it with status 0, also when leaks are held and a delta is waited for"
	local signal status curl_pid
	for signal in INT TERM; do
		serve
		get "/leak/thread?n=20" >"$work/body"
		get "/leak/client?n=20" >"$work/body"
		get "/leak/slice?n=20" >"$work/body"
		prof "/debug/pprof/heap?seconds=30" >"$work/body" 2>&1 &
		curl_pid=$!
		kill -"$signal" "$pid"
		status=0
		wait "$pid" || status=$?
		pid=
		equal "status after $signal" "$status" 0
		wait "$curl_pid" || true
	done
}

# Runs it as the first program of a terminal, lets the terminal hang up and, if that is ignored, asks
# for /healthz and sends SIGTERM. Prints the status of the answer, and that of the program.
hang_up() { # "ignored": SIGHUP, as nohup does
	/usr/bin/python3 -c '
import os, signal, sys, urllib.request
ignored, program = sys.argv[1] == "ignored", sys.argv[2]
pid, terminal = os.forkpty()
if pid == 0:
    if ignored:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(program, [program, "--listen", "127.0.0.1:0", "--pprof", "127.0.0.1:0"])
lines = open(terminal, "rb", buffering=0, closefd=False)
url = lines.readline().split()[2].decode()
lines.readline()
if ignored:
    os.kill(pid, signal.SIGHUP)
os.close(terminal)
if ignored:
    print(urllib.request.urlopen(url + "healthz").status)
    os.kill(pid, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$1" "$build/leakyard"
}

test_hangup() {
	: "the end of its terminal stops it with status 0; nohup and a service's SIGHUP do not stop it"
	: >"$work/out"
	setsid "$build/leakyard" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 >"$work/out" 2>"$work/err" &
	pid=$!
	wait_for 20 started
	kill -HUP "$pid"
	url=$(sed -n 1p "$work/out" | grep -o 'http://[^/ ]*')
	equal "a service" "$(code GET "$url/healthz")" 200
	stop_server
	equal "a terminal" "$(hang_up heeded)" 0
	equal nohup "$(hang_up ignored)" $'200\n0'
}

test_environment() {
	: "the environment sets options, and options win over it"
	export LEAKPROF_RATE=4096
	serve
	equal rate "$(get /stats | jq .rate)" 4096
	stop_server
	serve --rate 1
	equal rate "$(get /stats | jq .rate)" 1
}

test_token() {
	: "with a token both ports require it in the same way, but for /healthz"
	local token=a-token-of-some-length where wanted
	secret $token
	serve --token-file "$work/token"
	equal "healthz" "$(code GET "$url/healthz")" 200
	equal "POST without it" "$(code POST "$url/leak/slice")" 401
	for where in "$url/stats" "$pprof/debug/pprof/heap"; do
		equal "no token, $where" "$(code GET "$where")" 401
		for wanted in Basic Bearer; do
			contains "$(grep -i '^WWW-Authenticate:' "$work/headers")" "$wanted realm="
		done
		equal "wrong token, $where" "$(code GET "$where" -H 'Authorization: Bearer a-token-of-some-lengtH')" 401
		equal "Bearer, $where" "$(code GET "$where" -H "Authorization: Bearer $token")" 200
		equal "Basic, $where" "$(code GET "$where" -u any:$token)" 200
		equal "bytes after the padding, $where" \
			"$(code GET "$where" -H "Authorization: Basic $(printf 'any:%s' $token | base64)x")" 401
		equal "twice, $where" \
			"$(code GET "$where" -H "Authorization: Bearer $token" -H "Authorization: Bearer $token")" 400
		equal "another site, $where" "$(code GET "$where" -u any:$token -H 'Sec-Fetch-Site: cross-site')" 403
		equal "another origin, $where" "$(code GET "$where" -u any:$token -H 'Origin: http://evil.example')" 403
		equal "another name, $where" "$(code GET "$where" -u any:$token -H 'Host: evil.example')" 403
	done
}

test_read_token() {
	: "with the second token everything can be read and nothing changed, on both ports and in a preloaded program"
	needs_preload
	secret a-token-of-some-length
	secret another-for-reading reading
	serve --token-file "$work/token" --read-token-file "$work/reading"
	local path refused full=(-u any:a-token-of-some-length) reading=(-u any:another-for-reading)
	for path in / /stats /scenes /scenes/slice/lab; do
		equal "GET $path" "$(code GET "$url$path" "${reading[@]}")" 200
	done
	for refused in 'GET /leak/slice' 'POST /leak/slice' 'GET /fixed/slice' 'POST /reset' 'POST /reset/slice'; do
		equal "$refused" "$(code "${refused% *}" "$url${refused#* }" "${reading[@]}")" 403
		contains "$(jq -r .error "$work/body")" "only for reading"
	done
	equal "with the other" "$(code POST "$url/leak/slice" "${full[@]}")" 200
	equal "and taken back" "$(code POST "$url/reset" "${full[@]}")" 200
	reads_only "${full[*]}" "${reading[*]}"
	stop_server
	LEAKPROF_TOKEN_FILE=$work/token LEAKPROF_READ_TOKEN_FILE=$work/reading preload 0 sleep 60
	reads_only "${full[*]}" "${reading[*]}"
	ended
	refuses "Use --token-file too" --read-token-file "$work/reading"
	refuses "Use another one" --token-file "$work/token" --read-token-file "$work/token"
	chmod 644 "$work/reading"
	refuses "chmod 600" --token-file "$work/token" --read-token-file "$work/reading"
	will_not_listen "LEAKPROF_READ_TOKEN_FILE: $work/token: set LEAKPROF_TOKEN_FILE too" LEAKPROF_READ_TOKEN_FILE="$work/token"
	will_not_listen "LEAKPROF_READ_TOKEN_FILE: $work/token: it is the token of LEAKPROF_TOKEN_FILE. Use another one" \
		LEAKPROF_TOKEN_FILE="$work/token" LEAKPROF_READ_TOKEN_FILE="$work/token"
	will_not_listen "LEAKPROF_TOKEN_FILE: /nonexistent: No such file or directory" \
		LEAKPROF_TOKEN_FILE=/nonexistent LEAKPROF_READ_TOKEN_FILE="$work/token"
}

will_not_listen() { # WHY VARIABLE…
	env LD_PRELOAD="$build/libleakprof.so" LEAKPROF_LISTEN=127.0.0.1:0 "${@:2}" /bin/true 2>"$work/err"
	equal error "$(<"$work/err")" "leakprof: $1"
}

reads_only() { # FULL READING: how curl presents them
	local path refused
	for path in / /debug/pprof/ /debug/pprof/heap /debug/pprof/cmdline /debug/rate /debug/snapshots /debug/processes; do
		# shellcheck disable=SC2086
		equal "GET $path" "$(code GET "$pprof$path" $2)" 200
	done
	for refused in 'POST /debug/snapshots' 'PUT /debug/snapshots?every=1s' 'DELETE /debug/snapshots/1' 'PUT /debug/rate?bytes=1' \
		'PUT /debug/snapshots/1?name=x' 'POST /debug/processes?pid=1&url=x' 'POST /debug/pprof/symbol'; do
		# shellcheck disable=SC2086
		equal "$refused" "$(code "${refused% *}" "$pprof${refused#* }" $2)" 403
		contains "$(<"$work/body")" "only for reading"
	done
	# shellcheck disable=SC2086
	equal "with the other" "$(code POST "$pprof/debug/snapshots" $1)" 201
}

test_wrong_tokens() {
	: "wrong tokens are counted on both ports, and however many there are, the right one is answered"
	secret a-token-of-some-length
	serve --token-file "$work/token"
	local where
	for where in "$url/stats" "$pprof/debug/rate"; do
		for _ in {1..8}; do
			equal "wrong, $where" "$(code GET "$where" -u any:wrong)" 401
			equal "right, $where" "$(code GET "$where" -u any:a-token-of-some-length)" 200
			equal "none, $where" "$(code GET "$where")" 401
		done
	done
	equal "the playground's count" "$(get /stats -u any:a-token-of-some-length | jq .profiler.wrong_tokens)" 16
	equal "the profiler's count" "$(prof /debug/processes -u any:a-token-of-some-length | jq .wrong_tokens)" 16
}

test_names() {
	: "beyond loopback, where a server cannot know its names, any Host is accepted with the token"
	secret a-token-of-some-length
	serve --token-file "$work/token" --listen 0.0.0.0:0 --pprof 0.0.0.0:0
	equal playground "$(code GET "$url/stats" -u any:a-token-of-some-length -H 'Host: lab.example')" 200
	equal profiler "$(code GET "$pprof/debug/rate" -u any:a-token-of-some-length -H 'Host: lab.example')" 200
	equal "without it" "$(code GET "$url/stats" -H 'Host: lab.example')" 401
}

run_tests
