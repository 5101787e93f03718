# The cost of a malloc and a free, with and without the profiler. Sourced by bench.
# shellcheck shell=bash disable=SC2154

# churn NAME THREADS COMMAND...: runs bench_churn under this command, which sets the environment or is a
# tool. Appends the ns per pair to churn-NAME-THREADS (CPU time) and wall-NAME-THREADS.
churn() {
	local name=$1-$2 threads=$2
	shift 2
	env -u LEAKPROF_LISTEN -u LEAKPROF_RATE -u LD_PRELOAD "$@" "$build/bench_churn" "$threads" "$churn_ms" \
		>"$work/churn" 2>"$work/churn-errors" </dev/null || fail "churn under $*: $(cat "$work/churn-errors")"
	sed -nE 's/^([0-9.]+) [0-9.]+$/\1/p' "$work/churn" >>"$work/churn-$name"
	sed -nE 's/^[0-9.]+ ([0-9.]+)$/\1/p' "$work/churn" >>"$work/wall-$name"
}

# auto is measured where it is used: in a process that is served.
leakprof() { # RATE THREADS
	local served=()
	[[ $1 != auto ]] || served=(LEAKPROF_LISTEN=127.0.0.1:0)
	churn "$1" "$2" env LD_PRELOAD="$build/libleakprof.so" LEAKPROF_RATE="$1" "${served[@]}"
}

is_ready() { grep -q '^ready' "$work/churn-errors"; }

# after_exact NAME [VARIABLE=...]: one thread, after 100,000 blocks that stay were recorded exactly.
after_exact() {
	local name=$1 url pid i
	shift
	[[ -p $work/go ]] || mkfifo "$work/go"
	exec 8<>"$work/go"
	: >"$work/churn-errors"
	env "$@" "$build/bench_churn" 1 "$churn_ms" 100000 <"$work/go" >"$work/churn" 2>"$work/churn-errors" 8>&- &
	pid=$!
	for ((i = 0; i < 1000; i++)); do
		is_ready && break
		sleep 0.01
	done
	url=$(grep -o 'http://[0-9.:]*' "$work/churn-errors" || true)
	[[ -z $url ]] || curl -sS -o "$work/null" -X PUT "$url/debug/rate?bytes=524288"
	echo >&8
	wait "$pid"
	exec 8>&-
	sed -nE 's/^([0-9.]+) [0-9.]+$/\1/p' "$work/churn" >>"$work/churn-$name-1"
}

measure_churn() {
	local round variant threads all
	local -A variants=([1]="plain auto 524288 0 1" [2]="plain auto 524288 0 1" [4]="plain auto 524288 1" [8]="plain auto 524288 1")
	for ((round = 1; round <= churn_rounds; round++)); do
		say "churn, round $round of $churn_rounds"
		for threads in 1 2 4 8; do
			for variant in ${variants[$threads]}; do
				if [[ $variant == plain ]]; then churn plain "$threads"; else leakprof "$variant" "$threads"; fi
			done
		done
		after_exact kept
		after_exact after LD_PRELOAD="$build/libleakprof.so" LEAKPROF_RATE=1 LEAKPROF_LISTEN=127.0.0.1:0
	done
	for threads in 1 2 4 8; do
		all="churn, $threads thread$([[ $threads == 1 ]] || echo s)"
		for variant in ${variants[$threads]}; do
			row "$all: $([[ $variant == plain ]] || echo "rate ")$variant" "$(median "churn-$variant-$threads")" "ns a pair"
		done
		sampled_rows "$threads" "$all"
		exact_rows "$threads" "$all"
		((threads > 2)) || off_row "$threads" "$all"
	done
	row "churn, 1 thread: rate 524288 after exact recording / plain" "$(ratio churn-after-1 churn-kept-1)" "x" "<=1.03"
	paste <(ratios churn-524288-8 churn-plain-8) <(ratios churn-524288-1 churn-plain-1) |
		awk '{ print $1 / $2 }' >"$work/growth"
	row "churn: sampled / plain, 8 threads against 1" "$(median growth)" "x" "<=1.02"
}

sampled_rows() { # THREADS NAME
	local goal=
	((threads > 2)) || goal="<=1.03"
	row "$2: rate auto / plain" "$(ratio "churn-auto-$1" "churn-plain-$1")" "x" "<=1.03"
	row "$2: rate 524288 / plain" "$(ratio "churn-524288-$1" "churn-plain-$1")" "x" "$goal"
	row "$2: the same by the wall clock" "$(ratio "wall-524288-$1" "wall-plain-$1")" "x"
}

off_row() { # THREADS NAME
	row "$2: rate 0 / plain" "$(ratio "churn-0-$1" "churn-plain-$1")" "x"
}

exact_rows() { # THREADS NAME
	row "$2: rate 1 / plain" "$(ratio "churn-1-$1" "churn-plain-$1")" "x"
	paste "$work/churn-1-$1" "$work/churn-plain-$1" | awk '{ print $1 - $2 }' >"$work/extra-$1"
	row "$2: rate 1, more than plain" "$(median "extra-$1")" "ns a pair" "<=120"
}
