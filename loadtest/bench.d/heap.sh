# A heap of a million blocks: the memory of the tables, the time of a profile, and how long an allocating
# thread waits meanwhile. Sourced by bench.
# shellcheck shell=bash disable=SC2154

heap_start() { # RATE SIZES; sets heap_url
	coproc heap { pin 0 env -u LEAKPROF_LISTEN LEAKPROF_RATE="$1" "$build/bench_heap" "$blocks" "$stacks" "$2"; }
	heap_pid=$!
	servers+=("$heap_pid")
	read -r _ _ heap_url <&"${heap[0]}" || fail "bench_heap did not start"
	heap_url=${heap_url%/}
}

heap_stop() {
	local input=${heap[1]}
	forget "$heap_pid"
	exec {input}>&-
	wait "$heap_pid" || fail "bench_heap ended with status $?"
}

# heap_ask: reads the figures of bench_heap into variables.
heap_ask() {
	echo >&"${heap[1]}"
	read -r longest_us own_us live_bytes table_bytes records nstacks losses <&"${heap[0]}" || fail "bench_heap does not answer"
}

# stack_bytes: the bytes of all distinct stacks, each once. Fails if there are fewer than were made.
stack_bytes() {
	ask --fail "$heap_url/debug/pprof/heap?debug=1" | awk -v stacks="$stacks" '
		/^[0-9]+: .* @ / { sub(/.* @ /, ""); if (!seen[$0]++) { n++; words += NF } }
		END { if (n < stacks) exit 1
			print 8 * words }' || fail "the profile of the large heap does not show $stacks stacks"
}

# longest_calls NAME: the longest calls since the last heap_ask, in ms: of all calls to calls-NAME, and of those
# during which the thread was not preempted to stalls-NAME.
longest_calls() {
	heap_ask
	awk -v us="$longest_us" 'BEGIN { print us / 1000 }' >>"$work/calls-$1"
	awk -v us="$own_us" 'BEGIN { print us / 1000 }' >>"$work/stalls-$1"
}

# fetch_heap NAME: milliseconds to fetch-NAME, and the longest calls meanwhile. Then the longest calls of an
# equally long time without a fetch.
fetch_heap() {
	local seconds
	heap_ask
	seconds=$(pin 0 curl --noproxy '*' -sS --fail -o "$work/profile" -w '%{time_total}' "$heap_url/debug/pprof/heap") ||
		fail "no profile of the large heap"
	longest_calls "$1"
	awk -v s="$seconds" 'BEGIN { print s * 1000 }' >>"$work/fetch-$1"
	sleep "$seconds"
	longest_calls quiet
}

# exact_heap NAME SIZES: times to fetch-NAME and so on, bytes of tables per block to a-block-NAME.
exact_heap() {
	local i copies
	heap_start 1 "$2"
	heap_ask
	((records >= blocks && nstacks >= stacks && losses == 0)) ||
		say "exact: $records records, $nstacks stacks, $losses losses"
	fetch_heap "first-$1"
	for ((i = 0; i < heap_fetches; i++)); do fetch_heap "$1"; done
	copies=$(stack_bytes) || exit 1
	heap_ask
	awk -v t="$table_bytes" -v c="$copies" -v n="$records" 'BEGIN { print (t - c) / n }' >>"$work/a-block-$1"
	heap_stop
}

sampled_heap() {
	heap_start 524288 1
	ask --fail -o "$work/profile" "$heap_url/debug/pprof/heap"
	heap_ask
	awk -v t="$table_bytes" -v n="$live_bytes" 'BEGIN { print t / 2 ^ 20 / (n / 2 ^ 30) }' >>"$work/a-gib"
	heap_stop
}

measure_heap() {
	local round
	for ((round = 1; round <= heap_rounds; round++)); do
		say "a heap of $blocks blocks in $stacks stacks, round $round of $heap_rounds"
		exact_heap one 1
		exact_heap ten 10
		sampled_heap
	done
	local all="$blocks blocks" n=$((heap_rounds * heap_fetches))
	row "$all, exact: tables, less each stack once" "$(median a-block-one)" "B a block" "<=48"
	row "$all, rate 524288: tables" "$(median a-gib)" "MiB a GiB" "<=8"
	row "$all, exact: first profile" "$(median fetch-first-one)" "ms"
	row "$all, exact: profile, median of $n" "$(median fetch-one)" "ms" "<=300"
	row "$all, exact: longest stall during the first" "$(longest stalls-first-one)" "ms" "<=5"
	row "$all, exact: longest stall during the others" "$(longest stalls-one)" "ms" "<=5"
	row "$all, exact: longest stall without a profile" "$(longest stalls-quiet)" "ms"
	row "$all, exact: longest call, other programs' time too" "$(longest calls-one)" "ms"
	row "$all, exact: likewise without a profile" "$(longest calls-quiet)" "ms"
	row "$all, exact, ten sizes a stack: tables, likewise" "$(median a-block-ten)" "B a block"
	row "$all, exact, ten sizes a stack: profile" "$(median fetch-ten)" "ms"
	row "$all, exact, ten sizes a stack: longest stall" "$(longest stalls-ten)" "ms"
}
