# The verdicts keep what profiler/VERDICTS.md states, in a short simulation; and that page is what `make simulate` wrote.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

plain() { [[ -z ${SANITIZE:-} ]] || skip "the simulation is for the plain build"; }

play() { # SHAPE RUNS
	timeout 200 "$build/simulate" "$2" "$1"
}

test_power() {
	: "a dozen recorded events of a leak are enough for the verdict, in 33 and 64 snapshots, exact and sampled"
	plain
	local shape
	for shape in "steady leak" "one in 1,000" "leak in bursts" "leak by daily load"; do
		play "$shape" 200 | awk -F '\t' '$3 == 12 && ($6 < 93 || $7 < 93) { print; bad = 1 } END { exit bad || NR < 13 }' ||
			fail "$shape"
	done
}

test_false_alarms() {
	: "of all windows without a leak, at most one in 500 is called leaking in this short simulation"
	plain
	local shape
	for shape in plateau sawtooth queue cache sessions churn bursts drift start-up; do
		play "$shape" 60 | grep -v leak
	done | awk -F '\t' 'NF > 6 && $3 ~ /^[0-9]/ { for (i = 4; i <= 7; i++) { n++; sum += $i } } END { print sum / n, n; exit sum / n > 0.2 || n < 100 }' \
		>"$work/share" || fail "$(<"$work/share")"
}

test_page() {
	: "the page and its curves are what loadtest/verdicts.tsv gives"
	plain
	cp profiler/VERDICTS.md profiler/verdicts.svg "$work"
	loadtest/simulate_page --again
	cmp profiler/VERDICTS.md "$work/VERDICTS.md"
	cmp profiler/verdicts.svg "$work/verdicts.svg"
	equal "wrong use" "$(loadtest/simulate_page --runs x 2>&1 | head -n 1)" "usage: loadtest/simulate_page [--runs N | --again]"
}

run_tests
