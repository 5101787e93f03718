# Wherever in a process's life it is allocated, the profile says by whom, and exactly how much.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# live COUNT MODE...: starts the program at rate 1 and waits for COUNT lines that end in "ready".
live() {
	local count=$1
	shift
	built torture
	rm -f "$work/in"
	mkfifo "$work/in"
	exec 9<>"$work/in" # both ends, so that nobody waits for the other
	preload 1 "$build/lifetime" "$@" <"$work/in" 9>&-
	wait_for 60 eval '[[ $(grep -c "ready$" "$work/out") -eq '"$count"' ]] || ! kill -0 "$pid"'
	equal "$* is ready" "$(grep -c 'ready$' "$work/out")" "$count"
}

# die_well: the program, and all that it waits for, end well when their input does.
die_well() {
	local status=0
	exec 9>&-
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
}

# look URL [EARLY]: takes the heap profile of the process that is served there. Before libc is initialized, stacks are
# taken without libunwind: so many are counted.
look() {
	curl -sS -m 60 "$1/debug/pprof/heap?format=json" >"$work/heap.json"
	equal losses "$(jq .losses "$work/heap.json")" "${2:-0}"
	equal "taken without the unwinder" "$(jq .profiler.losses_by_cause.no_unwinder "$work/heap.json")" "${2:-0}"
}

# kept FUNCTION COUNT SIZE: what the function allocated and nobody freed, in that profile.
kept() {
	equal "$1" "$(jq -c --arg f "$1" '[.samples[] | select(.stack[0].function == $f) | .values[2:4]] | [(map(.[0]) | add // 0), (map(.[1]) | add // 0)]' "$work/heap.json")" "[$2,$(($2 * $3))]"
}

# kept_below FUNCTION COUNT SIZE: the same of one that calls another, which allocates.
kept_below() {
	equal "$1" "$(jq -c --arg f "$1" --argjson n "$3" '[.samples[] | select(.label.bytes == $n and any(.stack[]; .function == $f)) | .values[2]] | add // 0' "$work/heap.json")" "$2"
}

served() { # the url on the N-th line that has one
	grep -o 'http://[0-9.:]*' "$work/err" | sed -n "$1p"
}

test_life() {
	: "from before main() to after exit(), every block kept is found at its function"
	needs_preload
	live 1 life "$build/plugin.so"
	look "$(served 1)" 3
	kept keep_in_preinit 3 1301
	kept keep_in_constructor 5 1303
	kept keep_in_initializer 7 1307
	kept keep_in_main 11 1319
	kept keep_in_thread 13 1321
	kept keep_in_key_destructor 17 1327
	kept keep_in_thread_local 19 1361
	kept keep_with_cancel_pending 23 1367
	kept keep_in_cleanup 29 1373
	kept keep_under_signals 20000 101
	kept_below keep_by_throwing 53 "$(jq '[.samples[] | select(any(.stack[]; .function == "keep_by_throwing"))][0].label.bytes' "$work/heap.json")"
	kept_below keep_by_loading 59 1433
	kept keep_in_atexit 31 1381
	kept keep_in_global_destructor 37 1399
	kept keep_in_destructor 41 1409
	die_well
}

test_fork() {
	: "a forked child goes on with its parent's table, in a copy of its own"
	needs_preload
	live 2 fork
	look "$(served 1)"
	kept keep_in_main 11 1319
	kept keep_in_child 0 1423
	look "$(grep -o 'child: http://[0-9.:]*' "$work/err" | cut -c 8-)"
	kept keep_in_main 11 1319
	kept keep_in_child 43 1423
	die_well
}

test_exec() {
	: "after exec the profile begins anew"
	needs_preload
	live 1 exec
	equal listened "$(grep -c http "$work/err")" 2
	look "$(served 2)"
	kept keep_in_main 0 1319
	kept keep_after_exec 47 1427
	die_well
}

test_spawn() {
	: "children of vfork and posix_spawn have profiles of their own, and leave their parent's alone"
	needs_preload
	live 3 spawn
	wait_for 30 eval '[[ $(grep -c http "$work/err") -eq 3 ]]'
	look "$(served 1)"
	kept keep_in_main 11 1319
	kept keep_after_exec 0 1427
	for n in 2 3; do
		look "$(served $n)"
		kept keep_in_main 0 1319
		kept keep_after_exec 47 1427
	done
	die_well
}

test_threads() {
	: "threads that came and went leave nothing in the profiler's memory"
	needs_preload
	built torture
	local rate tables heap mapped tables_after heap_after mapped_after
	for rate in 1 4096 524288; do
		# One arena: glibc may make another at any time, and that is not the profiler's.
		MALLOC_ARENA_MAX=1 LD_PRELOAD=$build/libleakprof.so LEAKPROF_RATE=$rate "$build/lifetime" threads >"$work/out"
		{
			read -r _ tables _ heap _ mapped
			read -r _ tables_after _ heap_after _ mapped_after
		} <"$work/out"
		[[ $tables -gt 0 ]] || fail "not watched: $(<"$work/out")"
		# 10,000 threads in 512 KiB: not a word for each, though a table may take a step.
		[[ $((tables_after - tables)) -lt $((512 << 10)) ]] || fail "tables, rate $rate: $(<"$work/out")"
		equal "own heap" "$heap_after" "$heap"
		[[ $((mapped_after - mapped)) -lt $((1 << 20)) ]] || fail "mapped, rate $rate: $(<"$work/out")"
	done
}

run_tests
