# Profiles of very many threads, sockets and mappings: how long each takes, and how long the playground is
# delayed meanwhile. For comparison, how long debuggers take for the stacks of fewer threads. Sourced by bench.
# shellcheck shell=bash disable=SC2154

# poll NAME COMMAND...: runs the command while one client polls $url/healthz. The longest wait in ms goes to NAME.
poll() {
	local into=$work/$1 poller
	shift
	wrk -t1 -c1 -d600s -s loadtest/poll.lua "$url/healthz" >"$work/poll" 2>&1 &
	poller=$!
	servers+=("$poller")
	sleep 0.2
	"$@"
	kill -INT "$poller" || fail "the client that polls /healthz ended: $(<"$work/poll")"
	wait "$poller" || true
	forget "$poller"
	sed -n 's/^loadtest: //p' "$work/poll" | jq -e 'if .refused + .broken > 0 then error("refused") else .max_ms end' >>"$into" ||
		fail "/healthz: $(<"$work/poll")"
}

fetch_ms() { # PATH
	ask --fail -o "$work/profile" -w '%{time_total}\n' "$pprof$1" | awk '{ print $1 * 1000 }'
}

# timed NAME PROFILE: the time of the first one goes to NAME-first, those of the others to NAME.
timed() {
	local i
	fetch_ms "/debug/pprof/$2" >>"$work/$1-first" || fail "no $2 profile"
	for ((i = 0; i < scale_fetches; i++)); do
		fetch_ms "/debug/pprof/$2" >>"$work/$1" || fail "no $2 profile"
	done
}

snapshot_ms() {
	ask --fail -X POST -o "$work/snapshot" "$pprof/debug/snapshots" || fail "no snapshot: $(<"$work/snapshot")"
	jq '.cost_ns / 1e6' "$work/snapshot"
}

# scaled NAME PROFILE: the profile, then a snapshot, then the same time without either, all while polling.
scaled() {
	local seconds=$SECONDS
	poll "$1-healthz" timed "$1" "$2"
	poll "$1-healthz-snapshot" snapshot_ms >>"$work/$1-snapshot"
	poll "$1-healthz-quiet" sleep $((SECONDS - seconds > 1 ? SECONDS - seconds : 1))
}

scale_rows() { # NAME WHAT PROFILE GOAL
	local n=$((scale_rounds * scale_fetches))
	row "$2: $3, first" "$(median "$1-first")" "ms" "<=$4"
	row "$2: $3, median of $n" "$(median "$1")" "ms" "<=$4"
	row "$2: longest /healthz meanwhile" "$(longest "$1-healthz")" "ms" "<=50"
	row "$2: a snapshot" "$(median "$1-snapshot")" "ms"
	row "$2: longest /healthz during it" "$(longest "$1-healthz-snapshot")" "ms" "<=50"
	row "$2: longest /healthz without either" "$(longest "$1-healthz-quiet")" "ms"
}

# crowd SCENE N: starts a server in which the scene has leaked N items.
crowd() {
	local i
	start leakyard "$build/leakyard" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 --rate 512K \
		--budget-threads 100000 --budget-fds 100000 --budget-mem 64G
	for ((i = 0; i < $2; i += 1000)); do
		ask --fail-with-body -o "$work/body" -X POST "$url/leak/$1?n=$(($2 - i < 1000 ? $2 - i : 1000))" || return
	done
}

# room LIMIT WANTED KEEP: prints how many of the wanted number the limit allows, with KEEP left for other uses.
room() {
	if [[ $1 == unlimited ]] || (($1 >= $2 + $3)); then echo "$2"; else echo $(($1 - $3)); fi
}

scale_threads() {
	local round n all
	n=$(room "$(($(</proc/sys/vm/max_map_count) / 2))" 10000 1000)
	n=$(room "$(</proc/sys/kernel/threads-max)" "$n" 1000)
	n=$(room "$(ulimit -u)" "$n" 1000)
	all="$n threads"
	for ((round = 1; round <= scale_rounds; round++)); do
		say "$all, round $round of $scale_rounds"
		crowd thread "$n" || { no_row "$all" "$(jq -r .error "$work/body" 2>/dev/null || echo "no $all here")" && stop "$pid" && return; }
		scaled threads threads
		fetch_ms "/debug/pprof/threads?debug=2" >>"$work/threads-text"
		stop "$pid"
	done
	scale_rows threads "$all" threads 400
	row "$all: threads?debug=2" "$(median threads-text)" "ms"
}

scale_sockets() {
	local round n all
	n=$(room "$(ulimit -Hn)" 10000 200)
	all="$n sockets"
	for ((round = 1; round <= scale_rounds; round++)); do
		say "$all, round $round of $scale_rounds"
		crowd client "$n" || { no_row "$all" "$(jq -r .error "$work/body" 2>/dev/null || echo "no $all here")" && stop "$pid" && return; }
		scaled sockets fds
		stop "$pid"
	done
	scale_rows sockets "$all" fds 500
}

scale_mappings() {
	local round n all
	n=$(room "$(</proc/sys/vm/max_map_count)" 100000 1000)
	all="$n mappings"
	((n >= 100000)) || say "$all: vm.max_map_count allows no more; 'sysctl vm.max_map_count=110000' would"
	for ((round = 1; round <= scale_rounds; round++)); do
		say "$all, round $round of $scale_rounds"
		start scale env -u LEAKPROF_LISTEN LEAKPROF_RATE=524288 "$build/bench_scale" 0 0 "$n"
		if [[ $(ask -o "$work/body" -w '%{http_code}' "$pprof/debug/pprof/maps") == 404 ]]; then
			no_row "$all: maps" "no such profile" && end "$pid" && return
		fi
		end "$pid"
		start scale env -u LEAKPROF_LISTEN LEAKPROF_RATE=524288 "$build/bench_scale" 0 0 "$n" # for a profile without cached symbols
		scaled mappings maps
		end "$pid"
	done
	scale_rows mappings "$all" maps 500
}

# debugger NAME COMMAND...: its milliseconds for the server's stacks go to NAME. It must show all stacks.
debugger() {
	local into=$work/$1 before found
	shift
	before=$(date +%s%N)
	"$@" >"$work/stacks" 2>&1 || fail "$1: $(tail -n 3 "$work/stacks")"
	echo $((($(date +%s%N) - before) / 1000)) | awk '{ print $1 / 1000 }' >>"$into"
	found=$(grep -c 'wait_for_answer_forever' "$work/stacks" || true)
	((found >= few)) || fail "$1 shows $found of $few stacks: $(tail -n 3 "$work/stacks")"
}

# Alternately, on the same server.
scale_debuggers() {
	local round few=1000 all="1000 threads"
	crowd thread $few || fail "no $all: $(<"$work/body")"
	fetch_ms /debug/pprof/threads >/dev/null
	for ((round = 1; round <= debugger_rounds; round++)); do
		say "$all and debuggers, round $round of $debugger_rounds"
		fetch_ms "/debug/pprof/threads?debug=2" >>"$work/few"
		! command -v gdb >/dev/null ||
			debugger gdb env DEBUGINFOD_URLS= gdb -nx -batch -p "$pid" -ex 'thread apply all bt'
		! command -v eu-stack >/dev/null || debugger eu-stack env DEBUGINFOD_URLS= eu-stack -p "$pid"
	done
	stop "$pid"
	row "$all: threads?debug=2" "$(median few)" "ms"
	if [[ -s $work/gdb ]]; then
		row "$all: gdb, thread apply all bt" "$(median gdb)" "ms"
		row "$all: threads?debug=2 / gdb" "$(ratio few gdb)" "x"
	else
		no_row "$all: gdb, thread apply all bt" "not installed"
	fi
	if [[ -s $work/eu-stack ]]; then
		row "$all: eu-stack" "$(median eu-stack)" "ms"
		row "$all: threads?debug=2 / eu-stack" "$(ratio few eu-stack)" "x"
	else
		no_row "$all: eu-stack" "not installed"
	fi
}

measure_scale() {
	ulimit -Sn "$(ulimit -Hn)"
	scale_threads
	scale_sockets
	scale_mappings
	scale_debuggers
}
