# What a stack costs that was never seen before, exact, when there are few of them and when there are
# a million. Sourced by bench.
# shellcheck shell=bash disable=SC2154

# stacks NAME LEVELS COMMAND...: 2^LEVELS of them under this command; into stacks-NAME-LEVELS, in us each.
stacks() {
	local name=$1-$2 levels=$2
	shift 2
	env -u LEAKPROF_LISTEN -u LEAKPROF_RATE -u LD_PRELOAD "$@" "$build/bench_stacks" "$levels" \
		>>"$work/stacks-$name" 2>"$work/stacks-errors" </dev/null || fail "stacks under $*: $(cat "$work/stacks-errors")"
}

measure_stacks() {
	local round levels
	for ((round = 1; round <= stacks_rounds; round++)); do
		say "distinct stacks, round $round of $stacks_rounds"
		for levels in 12 16 20; do
			stacks plain "$levels" env
			stacks exact "$levels" env LD_PRELOAD="$build/libleakprof.so" LEAKPROF_RATE=1
		done
	done
	for levels in 12 16 20; do
		paste "$work/stacks-exact-$levels" "$work/stacks-plain-$levels" | awk '{ print $1 - $2 }' >"$work/new-$levels"
		row "$((1 << levels)) distinct stacks, exact: more than plain" "$(median "new-$levels")" "us a new stack" "<=5"
	done
}
