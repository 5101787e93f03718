# The cost of a new stack, exact, with few stacks and with a million. Sourced by bench.
# shellcheck shell=bash disable=SC2154

# stacks NAME LEVELS COMMAND...: 2^LEVELS stacks under this command; us per stack go to stacks-NAME-LEVELS.
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
