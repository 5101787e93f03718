# The playground under load, against a bare server that sends the same bytes. Its profiles under load, and its
# memory. Sourced by bench.
# shellcheck shell=bash disable=SC2154

cpu_ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

# load_one NAME PID URL: requests per second, and the server's CPU time per request, which other programs on
# the machine affect less.
load_one() {
	local ticks
	ticks=$(cpu_ticks "$2")
	per_second "$2" "$3" >>"$work/$1"
	ticks=$(($(cpu_ticks "$2") - ticks))
	awk -v ticks="$ticks" -v hz="$(getconf CLK_TCK)" \
		'/ requests in / { print ticks / hz / $1 * 1e6 }' "$work/wrk" >>"$work/$1-cpu"
}

per_second() { # PID URL; fails if a status other than 200 came back
	local status=0
	(pin 1 wrk -t1 -c32 -d"${wrk_seconds}s" "$2") >"$work/wrk"
	if ! kill -0 "$1" 2>/dev/null; then
		wait "$1" || status=$?
		fail "$2: the server ended under load, status $status"
	fi
	! grep -Eq 'Non-2xx|Socket errors' "$work/wrk" || fail "$2: $(cat "$work/wrk")"
	awk '/^Requests\/sec:/ { print $2 }' "$work/wrk"
}

# Different answers would be measured as a cost of the profiler.
same_answers() { # PATH URL URL
	local one
	for one in "$2" "$3"; do ask -i "$one$1" | sed '/^Date:/d' >"$work/answer-${one##*:}"; done
	cmp -s "$work/answer-${2##*:}" "$work/answer-${3##*:}" || fail "$1: the answers differ: $(
		diff "$work/answer-${2##*:}" "$work/answer-${3##*:}"
	)"
}

measure_requests() {
	local round route name bare yard
	start bare pin 0 "$build/bench_bare" 1
	bare=$url bare_pid=$pid
	start leakyard pin 0 "$build/leakyard" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 --threads 1 --rate 512K
	yard=$url
	for route in /healthz /fixed/healthy; do same_answers $route "$bare" "$yard"; done
	for ((round = 1; round <= wrk_rounds; round++)); do
		say "requests per second, round $round of $wrk_rounds"
		for route in /healthz /fixed/healthy; do
			name=${route//\//-}
			load_one "bare$name" "$bare_pid" "$bare$route"
			load_one "yard$name" "$pid" "$yard$route"
		done
	done
	stop "$pid"
	end "$bare_pid"
	for route in /healthz /fixed/healthy; do
		name=${route//\//-}
		row "$route: bare evhttp" "$(median "bare$name")" "a second"
		row "$route: leakyard, rate 524288" "$(median "yard$name")" "a second"
		row "$route: leakyard / bare" "$(ratio "yard$name" "bare$name")" "x" ">=0.9"
		row "$route: CPU a request, bare" "$(median "bare$name-cpu")" "us"
		row "$route: CPU a request, leakyard" "$(median "yard$name-cpu")" "us"
	done
}

measure_latency() {
	local i loading
	start leakyard "$build/leakyard" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 --rate 512K
	say "heap profiles under full load"
	wrk -t1 -c32 -d60s "$url/fixed/healthy" >"$work/wrk" 2>&1 &
	loading=$!
	servers+=("$loading")
	sleep 1
	for ((i = 0; i < fetches; i++)); do
		ask --fail -o "$work/heap" -w '%{time_total}\n' "$pprof/debug/pprof/heap" |
			awk '{ print $1 * 1000 }' >>"$work/latency" || fail "no heap profile under load"
		sleep 0.1
	done
	kill -0 "$loading" 2>/dev/null || fail "the load ended too early"
	end "$loading"
	row "heap profile under load: first" "$(head -n 1 "$work/latency")" "ms"
	row "heap profile under load: median of $fetches" "$(median latency)" "ms" "<100"
	row "heap profile under load: p95" "$(percentile 95 <"$work/latency")" "ms"
	stop "$pid"
}

peak_mib() { awk '/^VmHWM:/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }

measure_memory() {
	say "memory"
	start leakyard "$build/leakyard" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 --rate 512K
	row "peak memory: idle server" "$(peak_mib "$pid")" "MiB" "<16"
	ask --fail -o "$work/heap" "$pprof/debug/pprof/heap"
	row "peak memory: after its first heap profile" "$(peak_mib "$pid")" "MiB"
	stop "$pid"
}

