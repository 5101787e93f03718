# Rows of servers, under load from their own clients on loopback.
#
# A server is some functions. They use $port, a free port, and $work/here, a directory of their own:
#   prepare_NAME  once (may be missing)
#   start_NAME    starts the server in the background, with "$@" in front of its command
#   check_NAME    prints what clients get, the same each time
#   load_NAME     prints the throughput of $seconds of load
#   quit_NAME     ends the server, whose process id is $server (missing: SIGTERM)
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

server=

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

ready() { # until the port accepts, 30 s at most
	local until=$((SECONDS + 30))
	until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		[[ $SECONDS -lt $until ]] && kill -0 "$server" 2>/dev/null || return 1
		sleep 0.005
	done
}

defined() { declare -F "$1" >/dev/null; }

now_us() { echo "${EPOCHREALTIME/./}"; }

# stopped FUNCTIONS: ends the server and prints its status. It is killed if it is still there after 20 s.
stopped() {
	local until=$((SECONDS + 20))
	[[ -n $server ]] || return 0
	if defined "quit_$1"; then "quit_$1"; else kill "$server" 2>/dev/null; fi
	while kill -0 "$server" 2>/dev/null && [[ $SECONDS -lt $until ]]; do sleep 0.01; done
	kill -9 "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	local status=$?
	server=
	echo "status $status" >>"$work/seen"
}

tree() { # of process ids, the parent first
	local child
	echo "$1"
	for child in $(ps -o pid= --ppid "$1"); do tree "$child"; done
}

# resident: of the server and its children in KiB. Shared pages are counted once.
resident() {
	local pid
	for pid in $(tree "$server"); do cat "/proc/$pid/smaps_rollup" 2>/dev/null; done | awk '/^Pss:/ { sum += $2 } END { print sum + 0 }'
}

# served FUNCTIONS: what the profiler shows of the loaded server, and how many processes of its are served.
served() {
	local url count
	url=$(cat "$work/err" "$work/log" 2>/dev/null | grep -am1 -o 'http://127[0-9.:]*')
	[[ -n $url ]] || { echo "not served" && return; }
	[[ $(curl -s -m 60 -o /dev/null -w '%{http_code}' -X POST "$url/debug/snapshots") == 201 ]] || printf "no snapshot; "
	curl -s -m 60 -o /dev/null -X PUT "$url/debug/rate?bytes=1" # small servers allocate little under load
	"load_$1" >/dev/null 2>&1
	count=$(curl -s -m 30 "$url/debug/processes?format=text" | grep -c http://)
	echo "$(names "$url")$( ((count < 2)) || echo "; $count processes served")"
}

# once FUNCTIONS KIND ROUND: one start, check, load and end. The arrays are server_row's.
once() {
	local port prefix=(setsid env) start # in a process group of its own, because apache ends its group
	port=$(free_port)
	[[ $2 == plain ]] || prefix=(setsid env LD_PRELOAD="$lib" LEAKPROF_LISTEN=127.0.0.1:0)
	truncate -s 0 "$work/err" "$work/log" "$work/seen"
	start=$(now_us)
	"start_$1" "${prefix[@]}" 2>"$work/err" >"$work/log"
	server=$!
	if ! ready; then
		result="different: it does not start $2: $(cat "$work/err" "$work/log" | tail -n 3 | cell)"
		stopped "$1"
		return 1
	fi
	started[$2]+=" $(($(now_us) - start))"
	"check_$1" >>"$work/seen" 2>&1
	if ((rounds > 0)); then
		throughput[$2]=$("load_$1" 2>>"$work/err")
		kib[$2]+=" $(resident)"
		[[ $2 == plain || $3 -gt 0 ]] || shown=$(served "$1")
	fi
	stopped "$1"
	out[$2]=$(sed "s/\\b$port\\b/PORT/g" "$work/seen")
}

# server_row NAME FUNCTIONS TOOL...
server_row() {
	local name=$1 functions=$2 round kind result=same shown=- ratios=() speed=- start=- memory=-
	shift 2
	wanted "$name" && installed "$name" "$@" || return 0
	local -A out=() throughput=() kib=() started=()
	rm -rf "$work/here" && mkdir -m 755 "$work/here"
	! defined "prepare_$functions" || "prepare_$functions" >"$work/prepared" 2>&1 || {
		add "$name" "$1" "different: no preparation: $(tail -n 3 "$work/prepared" | cell)" - - - -
		return
	}
	for ((round = 0; round < (rounds > 0 ? rounds : 1); round++)); do
		for kind in $(order "$round"); do once "$functions" "$kind" "$round" || break 2; done
		[[ ${out[plain]} == "${out[preloaded]}" ]] || {
			result="different: $(diff <(echo "${out[plain]}") <(echo "${out[preloaded]}") | sed -n '2,4p' | cell)"
			break
		}
		((rounds == 0)) || ratios+=("$(ratio "${throughput[preloaded]}" "${throughput[plain]}")")
	done
	if [[ $result == same && $rounds -gt 0 ]]; then
		speed=$(median "${ratios[@]}")
		start="$(middle "${started[plain]}" 1000) → $(middle "${started[preloaded]}" 1000)"
		memory="$(middle "${kib[plain]}" 1024) → $(middle "${kib[preloaded]}" 1024)"
	fi
	add "$name" "$1" "$result" "$speed" "$start" "$memory" "$shown"
}
