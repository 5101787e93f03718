# The program keeps the allocator that it has, and its blocks are recorded.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
lib=$PWD/$build/libleakprof.so
[[ $build != /* ]] || lib=$build/libleakprof.so
fixtures=$build/fixtures

# library NAME: the file of an allocator's library.
library() {
	local path
	path=$(compgen -G "/usr/lib/*/lib$1.so.[0-9]*" | head -n 1)
	[[ -n $path ]] || skip "$1 is not installed"
	echo "$path"
}

# same RATE PRELOAD COMMAND...: it prints what it prints without the profiler ($work/plain).
same() {
	local rate=$1 preload=$2 status=0
	shift 2
	LD_PRELOAD=$preload LEAKPROF_RATE=$rate "$@" >"$work/preloaded" 2>"$work/seen" || status=$?
	equal "status of $* with $preload, rate $rate" "$status" 0
	diff "$work/plain" "$work/preloaded" >"$work/diff" || fail "rate $rate, $preload: $(head -n 20 "$work/diff")"
}

# exact: every block has been recorded, and none is left.
exact() { # WHAT
	local seen
	seen=$(<"$work/seen")
	[[ $seen =~ made\ ([0-9]+)\ seen\ ([0-9]+)\ kept\ 0\ lost\ 0 && ${BASH_REMATCH[1]} -eq ${BASH_REMATCH[2]} ]] ||
		fail "$1: $seen"
	contains "$seen" "by threads: kept 0 lost 0"
}

everywhere() {
	needs_preload
	local file rate
	file=$(library "$1")
	built fixtures
	LD_PRELOAD=$file "$fixtures/allocators" 3 >"$work/plain" 2>/dev/null
	[[ $(wc -l <"$work/plain") -gt 300 ]] || fail "only $(wc -l <"$work/plain") lines"
	for rate in 0 1 16384 524288; do
		same "$rate" "$lib" "$fixtures/allocators-$1" 3
		[[ $rate -ne 1 ]] || exact "linked"
		same "$rate" "$lib $file" "$fixtures/allocators" 3
		[[ $rate -ne 1 ]] || exact "preloaded after"
		same "$rate" "$file $lib" "$fixtures/allocators" 3
		[[ $rate -ne 1 ]] || exact "preloaded before"
	done
	export LEAKPROF_LISTEN=127.0.0.1:0
	for rate in 1 524288; do
		same "$rate" "$lib" "$fixtures/allocators-$1" 3
		same "$rate" "$lib $file" "$fixtures/allocators" 3
		same "$rate" "$file $lib" "$fixtures/allocators" 3
	done
	# A library in C++ that is loaded later, and throws.
	echo "caught 1000" >"$work/plain"
	same 1 "$lib $file" "$fixtures/throwing" "$fixtures/thrower.so" 1000
	same 1 "$file $lib" "$fixtures/throwing" "$fixtures/thrower.so" 1000
}

test_jemalloc() {
	: "jemalloc, linked, or preloaded after or before: the same results, and every block is recorded"
	everywhere jemalloc
}

test_tcmalloc() {
	: "tcmalloc, linked, or preloaded after or before: the same results, and every block is recorded"
	everywhere tcmalloc
}

test_mimalloc() {
	: "mimalloc, linked, or preloaded after or before: the same results, and every block is recorded"
	everywhere mimalloc
}

test_strangers() {
	: "programs that are linked with jemalloc print the same"
	needs_preload
	local command rate ran=
	for command in "redis-server --version" "named -v" "varnishd -V" "dig -v"; do
		command -v "${command% *}" >/dev/null || continue
		ran=yes
		# shellcheck disable=SC2086
		$command >"$work/plain" 2>&1
		for rate in 0 1 524288; do
			# shellcheck disable=SC2086
			same "$rate" "$lib" sh -c "exec $command 2>&1"
		done
	done
	[[ -n $ran ]] || skip "redis-server, named, varnishd and dig are not installed"
}

test_figures() {
	: "what only libc tells of its malloc is not known with another allocator"
	local file
	file=$(library jemalloc)
	library="$lib $file" preload 1 bash -c 'echo ready; while :; do read -t 1 -r; done' <"/dev/zero"
	contains "$(prof "/debug/pprof/heap?debug=1&gc=1")" "# gc: not known with libjemalloc.so.2"
	contains "$(prof "/debug/pprof/heap?format=json&gc=1" | jq -r .gc.not_known_with)" "libjemalloc.so.2"
	equal figures "$(prof "/debug/snapshots?name=one" -X POST |
		jq -c '.figures | [.malloc_arena_bytes, .malloc_free_bytes, .unused_bytes, .trimmable_bytes]')" "[null,null,null,null]"
	contains "$(prof "/debug/suspects?from=1&to=now&format=text")" "unused not known"
	[[ $(prof "/debug/pprof/heap?format=json" | jq '.samples | length') -gt 0 ]] || fail "the heap is empty"
	ended
}

test_playground() {
	: "the playground's figures of malloc are libc's; with another allocator they are null"
	needs_preload
	local file figures='[.malloc_arena_bytes, .malloc_free_bytes, .heap_note, .heap_inuse_objects > 0]'
	file=$(library jemalloc)
	serve --rate 1
	get /stats | jq -e "$figures | .[0] > 0 and .[1] > 0 and .[2] == null and .[3]"
	stop_server
	LD_PRELOAD=$file serve --rate 1
	equal figures "$(get /stats | jq -c "$figures")" "[null,null,null,true]"
}

# unseen REASON: every profile says why no allocation has been recorded, and so do the suspects.
unseen() {
	local none="no allocation has passed the hooks" format
	wait_for 20 grep -q ready "$work/out"
	contains "$(<"$work/err")" "leakprof: $none: $1"
	equal lines "$(wc -l <"$work/err")" 2
	for format in text svg json; do
		contains "$(prof "/debug/pprof/heap?format=$format")" "$none: $1"
		contains "$(prof "/debug/pprof/allocs?format=$format")" "$none: $1"
	done
	contains "$(prof "/debug/pprof/heap?debug=1")" "# $none: $1"
	contains "$(prof /debug/pprof/heap | gunzip | strings -n 20)" "$none: $1"
	equal rows "$(prof "/debug/pprof/heap?format=json" | jq '.samples | length')" 0
	equal snapshot "$(code POST "$pprof/debug/snapshots?name=one")" 201
	contains "$(prof "/debug/snapshots/1/heap?format=text")" "$none: $1"
	contains "$(prof /debug/snapshots | jq -r '.snapshots[0].profiles.heap.note')" "$none: $1"
	contains "$(prof "/debug/diff?from=1&to=now&format=text")" "$none: $1"
	contains "$(prof "/debug/suspects?from=1&to=now&format=text")" "$none: $1"
	contains "$(prof "/debug/suspects?from=1&to=now" | jq -r .note)" "$none: $1"
	contains "$(timeout 20 curl -sN "$pprof/debug/live" | head -n 2)" "$none: $1"
	ended
}

test_own_malloc() {
	: "where the program has its own malloc, one line and every profile say so"
	needs_preload
	built fixtures
	preload 1 "$fixtures/own_malloc"
	wait_for 20 grep -q ready "$work/out"
	contains "$(<"$work/out")" "note: no allocation has passed the hooks: malloc is defined by the executable $(realpath "$fixtures/own_malloc")"
	unseen "malloc is defined by the executable $(realpath "$fixtures/own_malloc")"
}

test_only_traced() {
	: "a program that is only traced says in one line that its blocks are not seen"
	needs_preload
	built fixtures
	: >"$work/err"
	LD_PRELOAD=$lib LEAKPROF_TRACE=100ms "$fixtures/own_malloc" >"$work/out" 2>"$work/err" &
	pid=$!
	wait_for 20 grep -q memtrace "$work/err"
	wait_for 20 grep -q leakprof: "$work/err"
	equal "what is said" "$(grep -v memtrace "$work/err")" \
		"leakprof: no allocation has passed the hooks: malloc is defined by the executable $(realpath "$fixtures/own_malloc")"
	ended
}

test_unknown_before() {
	: "an unknown allocator that is preloaded before the profiler is named, with what to do"
	needs_preload
	built fixtures
	library="$fixtures/own_malloc.so $lib" preload 1 bash -c 'echo ready; while :; do read -t 1 -r; done' <"/dev/zero"
	unseen "malloc is defined by own_malloc.so, which comes before libleakprof.so; put it after libleakprof.so in LD_PRELOAD"
}

test_valgrind() {
	: "valgrind's tools that replace malloc are named"
	needs_preload
	command -v valgrind >/dev/null || skip "valgrind is not installed: scripts/deps matrix"
	preload 1 LEAKPROF_PROGRAM=sleep valgrind --tool=massif --massif-out-file=/dev/null --log-file="$work/log" sleep 300
	wait_for 60 grep -q 'leakprof: no allocation' "$work/err"
	contains "$(<"$work/err")" "leakprof: no allocation has passed the hooks: valgrind replaces malloc"
	contains "$(prof "/debug/pprof/heap?format=text")" "valgrind replaces malloc"
	ended
}

run_tests
