# How close the figures are to the truth. Sourced by bench.
# shellcheck shell=bash disable=SC2154

accuracy() { # RATE RUNS: the six columns of bench_accuracy
	env -u LEAKPROF_LISTEN LEAKPROF_RATE="$1" "$build/bench_accuracy" "$2" "$accuracy_mib"
}

# within TRUE SAID ERROR (columns): how many of 100 runs have the truth within 1.96 standard errors.
within() {
	awk -v t="$1" -v s="$2" -v e="$3" '{ d = $s - $t; if (d < 0) d = -d; n += d <= 1.96 * $e }
		END { print 100 * n / NR }' "$work/accuracy"
}

measure_accuracy() {
	local round all="accuracy, $accuracy_mib MiB"
	for ((round = 1; round <= accuracy_rounds; round++)); do
		say "accuracy, round $round of $accuracy_rounds"
		accuracy 524288 "$accuracy_runs" >"$work/accuracy"
		within 1 2 3 >>"$work/within-bytes"
		within 4 5 6 >>"$work/within-objects"
		awk '{ print 100 * ($2 / $1 - 1) }' "$work/accuracy" >>"$work/off"
	done
	accuracy 1 5 >"$work/exact"
	row "$all, sampled: bytes within the 95 % interval" "$(median within-bytes)" "% of runs" "90..99"
	row "$all, sampled: objects within theirs" "$(median within-objects)" "% of runs"
	row "$all, sampled: mean of $((accuracy_rounds * accuracy_runs)) runs, off by" \
		"$(awk '{ sum += $1 } END { sum /= NR; print sum < 0 ? -sum : sum }' "$work/off")" "%" "<=1"
	row "$all, sampled: one run, off by (root mean square)" \
		"$(awk '{ sum += $1 * $1 } END { print sqrt(sum / NR) }' "$work/off")" "%"
	row "$all, exact: off by" "$(awk '{ sum += ($1 - $2) ^ 2 + ($4 - $5) ^ 2 + $3 + $6 }
		END { print sum }' "$work/exact")" "bytes" "<=0"
}
