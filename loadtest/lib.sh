# What `run` and `bench` share: requests to a server, and starting servers on free ports. Sourced.
# shellcheck shell=bash

me=${0##*/}
fail() {
	echo "loadtest/$me: $*" >&2
	exit 1
}

need() {
	local tool missing=()
	for tool; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	[[ ${#missing[@]} -eq 0 ]] || fail "not installed: ${missing[*]} (scripts/deps bench installs it)"
}

# Requests to a server on this machine must not go through a proxy.
ask() { curl --noproxy '*' --globoff -sS --max-time 30 "$@"; }

work=$(mktemp -d)
servers=()
clean_up() {
	[[ ${#servers[@]} -eq 0 ]] || kill "${servers[@]}" 2>/dev/null || true
	wait
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# start NAME COMMAND...: runs a server until `end` or `stop`. When it listens, sets url, pprof ("" if it
# has no profiler) and pid.
start() {
	local name=$1 log="$work/$1.out"
	shift
	: >"$log"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	servers+=("$pid")
	for ((tries = 0; tries < 200; tries++)); do
		url=$(sed -n 's|^[a-z]*: playground *\(http://[^/]*\)/$|\1|p' "$log")
		pprof=$(sed -n 's|^[a-z]*: profiler *\(http://[^/]*\)/.*|\1|p' "$log")
		[[ -z $url || ($name == leakyard* && -z $pprof) ]] || return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	fail "$name did not start: $(tail -n 1 "$log")"
}

forget() {
	local one rest=()
	for one in "${servers[@]}"; do
		[[ $one == "$1" ]] || rest+=("$one")
	done
	servers=("${rest[@]}")
}

# stop PID: stops a server, which must exit with status 0. end PID: kills any process.
stop() {
	forget "$1"
	kill "$1" 2>/dev/null || true
	wait "$1" || fail "the server ended with status $?"
}

end() {
	forget "$1"
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}
