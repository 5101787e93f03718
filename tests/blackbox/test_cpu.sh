# The CPU profile: who used the time, by curl and by Go's own tool.
# shellcheck shell=bash disable=SC2317,SC2119,SC2120
. tests/blackbox/lib.sh
export PPROF_TMPDIR=$work HOME=$work

header() { # NAME: its value in the last answer
	tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip"
}

# burn MODE: starts the fixture with the profiler preloaded, and waits until it burns.
burn() {
	needs_preload
	built fixtures
	preload 524288 "$build/fixtures/burn" "$1"
	wait_for 20 grep -q burning "$work/out"
}

# in_function NAME: CPU time in ns of all stacks through it, in $work/cpu.json.
in_function() {
	jq --arg name "$1" '[.samples[] | select([.stack[].function] | index($name)) | .values[1]] | add // 0' "$work/cpu.json"
}

handled_signals() {
	grep '^SigCgt:' "/proc/$pid/status"
}

# profile_in_background QUERY: asks for one, and waits until its window is open. Sets $client.
profile_in_background() {
	local handled
	handled=$(handled_signals)
	curl -sS -m 100 "$pprof/debug/pprof/profile?$1" >"$work/background" 2>"$work/background.err" &
	client=$!
	wait_for 20 others_handled "$handled"
}

others_handled() {
	[[ $(handled_signals) != "$1" ]]
}

leave() {
	kill "$client"
	wait "$client" || true
}

test_idle() {
	: "a program that does nothing has used no time, and not less"
	needs_preload
	preload 524288 sleep 100
	for _ in 1 2 3; do
		prof "/debug/pprof/profile?seconds=1&format=json" -o "$work/cpu.json"
		equal program "$(jq '.cpu.program_ns >= 0 and .cpu.program_ns < 1000000' "$work/cpu.json")" true
	done
	ended
}

test_shares() {
	: "threads get the shares of CPU time that they used, those born in the window too, waiting ones none"
	burn shares
	local all three one born program handled seconds
	handled=$(handled_signals)
	for seconds in 4 16 40; do # on a busy machine a longer window has as many samples
		prof "/debug/pprof/profile?seconds=$seconds&format=json" -o "$work/cpu.json"
		program=$(jq .cpu.program_ns "$work/cpu.json")
		((program < 1000000000)) || break
	done
	all=$(jq '.total[1].value' "$work/cpu.json")
	three=$(in_function three) one=$(in_function one) born=$(in_function born)
	echo "all $all program $program three $three one $one born $born"
	[[ $((all * 10)) -ge $((program * 7)) && $((all * 10)) -le $((program * 11)) ]] || fail "samples do not add up"
	[[ $((three * 10)) -ge $((one * 20)) && $((three * 10)) -le $((one * 45)) ]] || fail "not three to one"
	[[ $((born * 4)) -ge $one ]] || fail "threads born in the window are missing"
	[[ $(jq .cpu.born "$work/cpu.json") -ge 1 ]] || fail "none was born"
	equal "waiting threads" "$(in_function wait_for_ever)" 0
	equal "signals after the window" "$(handled_signals)" "$handled"
	ended
}

test_leaf() {
	: "the leaf is the interrupted address as it is: the start of an instruction of the loop that burns"
	burn shares
	prof "/debug/pprof/profile?seconds=1&format=json" -o "$work/cpu.json"
	jq -e '([.samples[] | select(.stack[0].function | test("^burn_")) | .values[1]] | add) as $loops
		| $loops * 10 >= .total[1].value * 8' "$work/cpu.json" || fail "$(jq -c .samples "$work/cpu.json")"
	local base address leaves=0
	base=$(awk '/fixtures\/burn$/ { split($1, range, "-"); print range[1]; exit }' "/proc/$pid/maps")
	objdump -d --no-show-raw-insn "$build/fixtures/burn" >"$work/code"
	sed -n '/<burn_three>:$/,/^$/s/^ *\([0-9a-f]*\):.*/\1/p' "$work/code" >"$work/starts"
	for address in $(jq -r '.samples[] | select(.stack[0].function == "burn_three") | .stack[0].address' "$work/cpu.json"); do
		grep -qx "$(printf %x $((address - 0x$base)))" "$work/starts" || fail "$address in: $(tr '\n' ' ' <"$work/starts")"
		leaves=$((leaves + 1))
	done
	[[ $leaves -ge 1 ]] || fail "no leaf in burn_three"
	ended
}

test_go_tool() {
	: "go tool pprof reads it: types, period, duration, functions; by file and by URL"
	burn shares
	prof "/debug/pprof/profile?seconds=1" -o "$work/a.gz"
	prof "/debug/pprof/profile?seconds=1&hz=500" -o "$work/b.gz"
	local raw
	raw=$(go tool pprof -raw "$work/a.gz" 2>&1)
	contains "$raw" "PeriodType: cpu nanoseconds"
	contains "$raw" "Period: 10000000"
	contains "$raw" "samples/count cpu/nanoseconds"
	grep -qE '^Duration: [1-9]' <<<"$raw" || fail "no duration: $raw"
	contains "$(go tool pprof -raw "$work/b.gz" 2>&1)" "Period: 2000000"
	contains "$(go tool pprof -top "$work/a.gz" 2>&1)" "Type: cpu"
	contains "$(go tool pprof -top "$work/a.gz" 2>&1 | sed -n '/flat%/{n;p}')" "burn_three"
	contains "$(go tool pprof -top -sample_index=samples "$work/a.gz" 2>&1)" "Type: samples"
	contains "$(go tool pprof -comments "$work/a.gz" 2>&1)" "CPU time of the program in the window"
	contains "$(go tool pprof -top -seconds 1 "$pprof/debug/pprof/profile" 2>&1)" "burn_three"
	contains "$(go tool pprof -diff_base "$work/a.gz" -top "$work/b.gz" 2>&1)" "Type: cpu"
	ended
}

test_contract() {
	: "statuses, texts and headers are Go's; there is one at a time, and others are answered meanwhile"
	serve
	equal status "$(code GET "$pprof/debug/pprof/profile?seconds=1")" 200
	equal type "$(header Content-Type)" application/octet-stream
	equal disposition "$(header Content-Disposition)" 'attachment; filename="profile"'
	equal nosniff "$(header X-Content-Type-Options)" nosniff
	gunzip -t <"$work/body"
	local path
	for path in hz=0 hz=1001 hz=x hz=-5 seconds=100000 debug=3 format=nosuch gc=1 value=nosuch; do
		equal "$path" "$(code GET "$pprof/debug/pprof/profile?$path")" 400
		equal go "$(header X-Go-Pprof)" 1
	done
	equal "hz elsewhere" "$(code GET "$pprof/debug/pprof/heap?hz=100")" 400

	profile_in_background "seconds=3&format=json"
	equal second "$(code GET "$pprof/debug/pprof/profile?seconds=1")" 500
	equal go "$(header X-Go-Pprof)" 1
	equal type "$(header Content-Type)" 'text/plain; charset=utf-8'
	equal disposition "$(header Content-Disposition)" ""
	equal text "$(cat "$work/body")" "Could not enable CPU profiling: cpu profiling already in use"
	equal heap "$(code GET "$pprof/debug/pprof/heap")" 200
	equal threads "$(code GET "$pprof/debug/pprof/threads?debug=1")" 200
	equal snapshot "$(code POST "$pprof/debug/snapshots")" 201
	wait "$client"
	jq -e '.duration_ns >= 2900000000' "$work/background"
	equal again "$(code GET "$pprof/debug/pprof/profile?seconds=1")" 200
}

not_busy() {
	[[ $(code GET "$pprof/debug/pprof/profile?seconds=1") == 200 ]]
}

test_formats() {
	: "every format is well formed, and the debug text too"
	serve
	wrk -t1 -c4 -d20s "$url/fixed/slice" >"$work/wrk" &
	local load=$! value
	prof "/debug/pprof/profile?seconds=1&format=json" | jq -e '.types | length == 2' >"$work/null"
	prof "/debug/pprof/profile?seconds=1&format=svg" | xmllint --nonet --noout -
	for value in samples cpu; do
		contains "$(prof "/debug/pprof/profile?seconds=1&format=text&value=$value")" "profile, $value"
	done
	prof "/debug/pprof/profile?seconds=1&format=folded" | grep -vE ' [0-9]+$' && fail "folded lines without a value"
	contains "$(prof "/debug/pprof/profile?seconds=1&debug=1")" "profile profile: total"
	contains "$(prof "/debug/pprof/profile?seconds=1&debug=2")" "# CPU time of the program in the window"
	kill $load || true
	wait $load || true
	equal "snapshots hold none" "$(snapshot a >"$work/null"; code GET "$pprof/debug/snapshots/1/profile")" 404
}

test_client_leaves() {
	: "when the client goes away the window ends, and another may begin at once"
	serve
	profile_in_background seconds=90
	leave
	wait_for 20 not_busy
}

test_default() {
	: "without seconds, or with what Go cannot read as seconds, a window of 30 seconds begins"
	serve
	local query
	for query in '' seconds=0 seconds=x seconds=-1; do
		profile_in_background "$query"
		equal second "$(code GET "$pprof/debug/pprof/profile?seconds=1")" 500
		leave
		wait_for 20 not_busy
	done
}

test_stopped() {
	: "a server that is told to stop in the middle of a window ends well"
	serve
	profile_in_background seconds=90
	stop_server
	wait "$client" || true
}

test_hard() {
	: "coroutines, handlers on small stacks, the vdso, prologues, malloc, made code, forks are sampled unharmed"
	local rate status
	for rate in 1 524288; do
		needs_preload
		built fixtures
		preload $rate "$build/fixtures/burn" hard
		wait_for 20 grep -q burning "$work/out"
		prof "/debug/pprof/profile?seconds=2&hz=1000&format=json" -o "$work/cpu.json"
		status=0
		kill "$pid"
		wait "$pid" || status=$?
		pid=
		equal "status at rate $rate" "$status" 0
		jq -e '.total[0].value > 0' "$work/cpu.json"
		# Code without unwind tables: the address stands alone, and is counted.
		jq -e '.losses > 0 and ([.samples[] | select((.stack | length) == 1)] | length > 0)' "$work/cpu.json"
	done
}

run_tests
