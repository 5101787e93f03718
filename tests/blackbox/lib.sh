# What every black-box test includes. A test file defines functions named test_*, each beginning with
# its claim as `: claim`, and ends with `run_tests`. Every test has a server of its own, on free ports:
#
#   serve [OPTIONS]   starts it; sets $url, $pprof (both without a slash at the end) and $pid
#   get PATH [CURL…]  the playground's answer; prof PATH [CURL…] the profiler's. On an HTTP error they
#                     still print the body
#   preload RATE COMMAND…   starts a program with the profiler preloaded; sets $pprof and $pid
#   code METHOD URL [CURL…]  prints the status code; body in $work/body, headers in $work/headers
#   fail TEXT…        ends the test. Any command that fails ends it too (set -e).
#
# shellcheck shell=bash
set -uo pipefail
build=${LEAKYARD_BUILD:-$PWD/build}
work=$(mktemp -d)
pid=
trap 'stop_server; rm -rf "$work"' EXIT

fail() {
	echo "failed: $*" >&2
	return 1
}

skip() {
	echo "$*" >"$work/skip"
	exit 77
}

# The heap's hooks are left out where the sanitizer owns malloc.
needs_heap() {
	case ${SANITIZE:-} in address | thread) skip "malloc belongs to the $SANITIZE sanitizer" ;; esac
}

needs_preload() {
	[[ -z ${SANITIZE:-} ]] || skip "a sanitizer's runtime must come first, so nothing can be preloaded"
}

# ThreadSanitizer holds signals back until a thread blocks: it answers late or not at all.
needs_signals() {
	[[ ${SANITIZE:-} != thread ]] || skip "ThreadSanitizer delivers signals late"
}

# built TARGET…: makes what a test needs. If LEAKYARD_BUILT is set, tests/run has made all of it.
built() {
	[[ -z ${LEAKYARD_BUILT:-} ]] || return 0
	make -s "$@"
}

# public_library: sets $lib to the library, or to a copy if the build is in a directory that other users cannot read.
public_library() {
	lib=${library:-$build/libleakprof.so}
	[[ $(id -u) -eq 0 ]] && ! setpriv --reuid 65534 --regid 65534 --clear-groups test -r "$lib" || return 0
	chmod 711 "$work"
	install -d -m 755 "$work/public"
	install -m 755 "$lib" "${lib%/*}/libleakprof-reporter.so" "$work/public"
	lib=$work/public/libleakprof.so
}

# wait_for SECONDS COMMAND…: until the command is true. For readiness only.
wait_for() {
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		[[ $SECONDS -lt $until ]] || fail "waited in vain for: $*" || return 1
		sleep 0.02
	done
}

started() {
	[[ $(wc -l <"$work/out") -ge 2 ]] || ! kill -0 "$pid" 2>/dev/null
}

serve() {
	: >"$work/out"
	local early=() # for what is allocated before the option is read, too: nothing is left to chance
	[[ ! " $* " =~ \ --rate\ ([0-9]+)\  ]] || early=(LEAKPROF_RATE="${BASH_REMATCH[1]}")
	env "${early[@]}" "$build/leakyard" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 "$@" >"$work/out" 2>"$work/err" &
	pid=$!
	wait_for 20 started
	url=$(sed -n 1p "$work/out" | grep -o 'http://[^/ ]*') || fail "no server: $(cat "$work/err")"
	pprof=$(sed -n 2p "$work/out" | grep -o 'http://[^/ ]*')
}

# Its output is in $work/out and $work/err. $library is another to preload.
preload() {
	needs_preload
	local rate=$1
	shift
	: >"$work/err" # now: the new process may be late, and an older one's line stand there
	env LD_PRELOAD="${library:-$build/libleakprof.so}" LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_RATE="$rate" "$@" <&0 >"$work/out" 2>"$work/err" &
	pid=$!
	wait_for 20 grep -q '^leakprof: .*http://' "$work/err"
	pprof=$(grep -m1 -o 'http://[0-9.:]*' "$work/err") || fail "no server: $(<"$work/err")"
}

# secret LINE [FILE]: writes a token file, $work/token, that others cannot read.
secret() {
	local file=$work/${2:-token}
	install -m 600 /dev/null "$file"
	printf '%s\n' "$1" >"$file"
}

# ended: stops what preload started, if it still runs, whatever its status.
ended() {
	kill "$pid" 2>/dev/null || true
	wait "$pid" || true
	pid=
}

# ready: waits until the fixture that preload started has done its part.
ready() {
	wait_for 20 grep -q '^ready' "$work/out"
}

# paused RATE COMMAND…: starts a fixture, which goes on until `released`.
paused() {
	mkfifo "$work/in"
	exec 9<>"$work/in"
	preload "$@" <"$work/in" 9>&-
	ready
}

released() {
	local status=0
	exec 9>&-
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
}

stop_server() {
	local status=0
	if [[ -n $pid ]]; then
		kill "$pid" 2>/dev/null
		wait "$pid" || status=$?
		pid=
		# A sanitizer's complaint at the end counts.
		[[ $status -eq 0 ]] || { echo "the server ended with status $status"; tail -n 40 "$work/err"; } >&2
	fi
	return $status
}

get() {
	local path=$1
	shift
	curl -sS -m 60 "$@" "$url$path"
}

prof() {
	local path=$1
	shift
	curl -sS -m 60 "$@" "$pprof$path"
}

code() {
	local method=$1 where=$2 extra=()
	shift 2
	[[ $method != HEAD ]] || extra=(--head)
	curl -sS -m 60 -X "$method" "${extra[@]}" -o "$work/body" -D "$work/headers" -w '%{http_code}' "$@" "$where"
}

equal() { # WHAT GOT WANTED
	[[ $2 == "$3" ]] || fail "$1: '$2', expected '$3'"
}

contains() { # TEXT PART
	[[ $1 == *"$2"* ]] || fail "no '$2' in: ${1:0:2000}"
}

# jq takes 30 ms to start. What is asked often is read without it.
held() { # of all scenes, one line
	get /stats | grep -oE '"held_(bytes|objects|threads|fds)":[0-9]+' | tr '\n' ' '
}

snapshot() { # prints its number
	local answer
	answer=$(prof "/debug/snapshots${1:+?name=$1}" -X POST)
	[[ $answer =~ ^\{[[:space:]]*\"id\":\ ?([0-9]+), ]] || fail "no snapshot: $answer"
	echo "${BASH_REMATCH[1]}"
}

# said_why: the body of a refusal must be JSON that says why. run_tests looks at all of them, by one jq.
refusals=0
said_why() {
	refusals=$((refusals + 1))
	{ cat "$work/body" && echo; } >>"$work/refusals"
}

all_said_why() {
	[[ $refusals -gt 0 ]] || return 0
	equal "refusals that say why" "$(jq -n '[inputs | select(.error | length > 10)] | length' "$work/refusals")" "$refusals" || fail "$(<"$work/refusals")"
}

# everything: each profile in each format, a snapshot, a difference and the suspects.
everything() {
	local answers
	answers=$(curl -sS -m 60 -o "$work/body" -w '%{http_code} %{url_effective}\n' "$pprof/debug/pprof/{heap,allocs,threads,goroutine,threadcreate,block,mutex,fds,maps,procs}?{format=pprof,format=text,format=folded,format=json,format=svg,debug=2}")
	[[ $(grep -c '^200 ' <<<"$answers") -eq 60 ]] || fail "$answers"
	equal profile "$(code GET "$pprof/debug/pprof/profile?seconds=1")" 200
	equal snapshot "$(code POST "$pprof/debug/snapshots?name=one")" 201
	cp "$work/body" "$work/snapshot"
	equal diff "$(code GET "$pprof/debug/diff?from=1&to=now&format=svg")" 200
	equal suspects "$(code GET "$pprof/debug/suspects?from=1&to=now&format=text")" 200
}

idle() {
	[[ $(get /stats) == *'"in_flight":0,'* ]]
}

run_tests() {
	local name claim number=0 log began
	log=$work/log
	for name in $(declare -F | awk '$3 ~ /^test_/ { print $3 }'); do
		number=$((number + 1))
		began=${EPOCHREALTIME/./}
		claim=$(declare -f "$name" | sed -n 's/^ *: "\(.*\)";$/\1/p' | head -n 1)
		rm -rf "${work:?}"/* # what a test waits for must be its own
		(
			trap 'stop_server' EXIT
			set -e
			"$name"
			all_said_why
			trap - EXIT
			stop_server
		) >"$log" 2>&1 </dev/null
		case $? in
		0) echo "ok $number - ${claim:-$name}" ;;
		77) echo "ok $number - ${claim:-$name} # SKIP $(cat "$work/skip")" ;;
		*)
			echo "not ok $number - ${claim:-$name} ($name)"
			sed 's/^/# /' "$log"
			;;
		esac
		echo "# took $(((${EPOCHREALTIME/./} - began) / 1000)) ms: $name"
	done
	echo "1..$number"
}
