# The line of life on standard error.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# field KEY [LINE]: its value in a line, the last one if none is given.
field() {
	awk -v key="$1" '{ for (i = 1; i < NF; i += 2) if ($i == key) print $(i + 1) }' <<<"${2-$(last)}"
}
lines() { grep -a '^memtrace .* dropped [0-9]*$' "$work/err"; }
last() { lines | tail -n 1; }
nlines() { lines | wc -l; }
at_least() { [[ $(nlines) -ge $1 ]]; }
more() { wait_for 30 at_least $(($(nlines) + ${1:-2})); } # lines that were begun after now
dropped_more() { [[ $(field dropped) -gt $1 ]]; }

# consistent: every line has all fields in order, numbers count up, and what changed adds up.
consistent() {
	lines >"$work/lines"
	awk '
		BEGIN { keys = "memtrace pid time heap error change objects rss nonheap threads unjoined fds mappings snapshot dropped" }
		{
			line = ""
			for (i = 1; i < NF; i += 2) { line = line (i > 1 ? " " : "") $i; v[$i] = $(i + 1) }
			if (line != keys) { print "fields: " $0; exit 1 }
			for (k in v) if (v[k] !~ /^[-+]?[0-9]+(\.[0-9]+)?$/ && !(k == "snapshot" && v[k] == "-")) { print k ": " $0; exit 1 }
			if (v["nonheap"] != v["rss"] - v["heap"]) { print "nonheap: " $0; exit 1 }
			if (v["change"] !~ /^[-+]/) { print "sign: " $0; exit 1 }
			if (NR > 1 && v["change"] != v["heap"] - heap) { print "change: " $0; exit 1 }
			if (v["memtrace"] != NR + v["dropped"]) { print "number: " $0; exit 1 }
			if (v["time"] < time) { print "time: " $0; exit 1 }
			if (v["rss"] <= 0 || v["threads"] < 1 || v["fds"] < 1 || v["mappings"] !~ /^[0-9]+$/) { print "nothing: " $0; exit 1 }
			heap = v["heap"]; time = v["time"]
		}' "$work/lines" || fail "not consistent"
}

test_playground() {
	: "--memtrace writes a line a period: numbers count up, changes add up, leaks show"
	serve --memtrace 100ms --rate 1
	more
	local before
	before=$(last)
	equal "snapshot before one" "$(field snapshot)" -
	get "/leak/thread?n=20" >"$work/body"
	get "/leak/client?n=20" >"$work/body"
	get "/leak/slice?n=20&size=65536" >"$work/body"
	prof "/debug/snapshots" -X POST >"$work/snapshot"
	more
	consistent
	equal threads "$(field threads)" $(($(field threads "$before") + 20))
	[[ $(field fds) -ge $(($(field fds "$before") + 20)) ]] || fail "descriptors: $(last)"
	[[ $(field snapshot) == "$(jq '.cost_ns / 1e6 * 1000 | round / 1000' "$work/snapshot" | xargs printf %.3f)" ]] || fail "cost: $(last)"
	equal threads "$(jq .figures.threads "$work/snapshot")" "$(field threads)"
	jq -e '.figures | .mappings >= 0 and .unjoined == 0 and .children == 1' "$work/snapshot" >/dev/null || fail "figures: $(jq -c .figures "$work/snapshot")"
	needs_heap
	[[ $(($(field heap) - $(field heap "$before"))) -ge $((20 * 65536)) ]] || fail "heap: $before $(last)"
	[[ $(field objects) -gt $(field objects "$before") ]] || fail "objects: $before $(last)"
	equal error "$(field error)" 0
}

test_sampled() {
	: "sampled, the heap stands beside its standard error"
	needs_heap
	serve --memtrace 100ms --rate 65536
	get "/leak/slice?n=100" >"$work/body"
	more
	[[ $(field error) -gt 0 ]] || fail "$(last)"
	consistent
}

test_quiet() {
	: "without --memtrace there is no line"
	serve
	prof "/debug/pprof/heap?seconds=1" >"$work/body"
	equal "standard error" "$(<"$work/err")" ""
}

test_bad_periods() {
	: "a bad period is refused with what is allowed; a preloaded program says so and runs on"
	local bad status why
	for bad in 0 1 99ms 61m 2h 1.5s 1s. s -1s "1 s" 10 99999999999999999999s 0x1s; do
		status=0
		"$build/leakyard" --memtrace "$bad" >"$work/out" 2>"$work/err" || status=$?
		equal "status of '$bad'" "$status" 1
		why="not a period"
		case $bad in 99ms | 61m | 2h | 9999*) why="out of range" ;; esac
		equal "of '$bad'" "$(<"$work/err")" \
			"leakyard: --memtrace: \"$bad\" is $why. Use a number with ms, s, m or h, from 100ms to 1h."
	done
	needs_preload
	for bad in 10 99ms 2h; do
		equal "output" "$(LD_PRELOAD=$build/libleakprof.so LEAKPROF_TRACE=$bad /bin/echo alive 2>"$work/err")" alive
		[[ $bad == 10 ]] && why="not a period" || why="out of range"
		equal "of '$bad'" "$(<"$work/err")" "leakprof: LEAKPROF_TRACE: \"$bad\": $why. Use a number with ms, s, m or h, from 100ms to 1h."
	done
	LEAKPROF_TRACE=never preload 1 sleep 60
	contains "$(<"$work/err")" "LEAKPROF_TRACE: \"never\""
	prof /debug/pprof/heap | gunzip -t
	ended
}

# traced RATE ERROUT: a program that does what it is told, with ERROUT as its standard error; no HTTP.
traced() {
	needs_preload
	built fixtures
	mkfifo "$work/told"
	: >"$work/out"
	env LD_PRELOAD="$build/libleakprof.so" LEAKPROF_TRACE=100ms LEAKPROF_RATE="$1" "${@:3}" \
		"$build/fixtures/errout" <"$work/told" >"$work/out" 2>"$2" 8<&- &
	pid=$!
	exec 7>"$work/told"
}

tell() { # WORDS ANSWER
	local n
	n=$(wc -l <"$work/out")
	echo "$1" >&7
	wait_for 30 answered "$n"
	equal "$1" "$(tail -n 1 "$work/out")" "$2"
}
answered() { [[ $(wc -l <"$work/out") -gt $1 ]]; }

test_preload() {
	: "LEAKPROF_TRACE alone traces a preloaded program, which need not listen; a leak shows exactly"
	traced 1 "$work/err"
	more
	local before
	before=$(last)
	tell "leak 1000 1337" leaked
	more
	consistent
	local grown=$(($(field heap) - $(field heap "$before")))
	[[ $grown -ge 1337000 && $grown -lt 1500000 ]] || fail "heap grew by $grown"
	equal objects "$(($(field objects) - $(field objects "$before") >= 1000))" 1
	equal pid "$(field pid)" "$pid"
	equal "other lines" "$(grep -vc '^memtrace ' "$work/err" || true)" 0
	ended
}

test_child() {
	: "a forked child does not trace"
	traced 524288 "$work/err"
	tell fork forked
	more 3
	equal "processes" "$(lines | awk '{ print $4 }' | sort -u)" "$pid"
	tell reap reaped
	consistent
	ended
}

test_taken_number() {
	: "what gets the number 2 after the program closed it receives nothing, and lines go on when 2 is back"
	traced 524288 "$work/err"
	more
	local what dropped
	for what in socket file pipe null nothing; do
		dropped=$(field dropped)
		until [[ $(field dropped) -gt $dropped ]]; do # a busy machine may have had no period meanwhile
			tell "take $what" taken
			sleep 0.3
			tell back "received 0"
			more
		done
	done
	consistent
	ended
}

test_socket() {
	: "lines go through a socket, as under a service manager; its other end sees the end when the program closes it"
	needs_preload
	built fixtures
	mkfifo "$work/told"
	: >"$work/err"
	env LD_PRELOAD="$build/libleakprof.so" LEAKPROF_TRACE=100ms LEAKPROF_PROGRAM=errout \
		"$build/fixtures/relay" "$work/err" "$build/fixtures/errout" <"$work/told" >"$work/out" &
	pid=$!
	exec 7>"$work/told"
	more
	consistent
	tell leave left
	wait_for 30 grep -q '^end$' "$work/err"
	kill -0 "$pid" || fail "the program has ended"
	ended
}

test_deleted_log() {
	: "a log that the program deleted and closed is not kept open"
	traced 524288 "$work/err"
	more
	[[ $(held) -ge 2 ]] || fail "not kept: $(held)" # by the program and by the profiler's thread
	rm "$work/err"
	tell leave left
	wait_for 30 not_held
	ended
}
held() { find /proc/"$pid"/task/*/fd -lname "$work/err*" | wc -l; }
not_held() { [[ $(held) -eq 0 ]]; }

# listens: finds what the program says of itself in the pipe 8.
listens() {
	local line=
	until [[ $line == leakprof:* ]]; do
		read -r -t 30 line <&8 || fail "no server"
	done
	pprof=$(grep -o 'http://[0-9.:]*' <<<"$line") || fail "no server: $line"
}

test_full_pipe() {
	: "a pipe that is full costs lines, not the profiler's time, and stays blocking; lines go on when it is read"
	needs_preload
	mkfifo "$work/pipe"
	exec 8<>"$work/pipe"
	traced 524288 "$work/pipe" LEAKPROF_LISTEN=127.0.0.1:0
	listens
	tell fill full
	for _ in 1 2 3 4 5; do
		prof "/debug/pprof/?" -m 20 >"$work/body"
		sleep 0.1
	done
	cat <"$work/pipe" >"$work/err" 8<&- &
	local reader=$!
	exec 8<&-
	wait_for 30 dropped_more 0
	more
	tell flags blocking
	kill "$pid" # the reader sees the end
	wait "$pid" || true
	pid=
	wait "$reader" || true
	awk '/^memtrace/ { if ($2 <= n) exit 1; n = $2 }' "$work/err" || fail "$(<"$work/err")"
}

test_no_reader() {
	: "a pipe that nobody reads any more does not end the program"
	needs_preload
	mkfifo "$work/pipe"
	exec 8<>"$work/pipe"
	traced 524288 "$work/pipe" LEAKPROF_LISTEN=127.0.0.1:0
	listens
	exec 8<&-
	prof "/debug/pprof/heap?seconds=1" | gunzip -t
	tell flags blocking
	ended
}

test_listed() {
	: "LEAKPROF_PROGRAM names the one that traces"
	needs_preload
	local n
	n=$(LD_PRELOAD=$build/libleakprof.so LEAKPROF_TRACE=100ms LEAKPROF_PROGRAM=sleep bash -c 'sleep 2; /bin/true; :' 2>&1 | awk '{ print $4 }' | sort -u | wc -l)
	equal "processes that trace" "$n" 1
}

run_tests
