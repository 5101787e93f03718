# The program keeps the allocator that it has, and its blocks are recorded.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
lib=$PWD/$build/libleakprof.so
[[ $build != /* ]] || lib=$build/libleakprof.so
fixtures=$build/fixtures

# library NAME: the file of an allocator's library.
library() {
	local -A file=([jemalloc]=libjemalloc.so.2 [tcmalloc]=libtcmalloc.so.4 [mimalloc]=libmimalloc.so.2.0)
	local path
	path=$(gcc -print-file-name="${file[$1]}")
	[[ $path == /* ]] || skip "$1 is not installed: scripts/deps test"
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
	make -s fixtures
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

run_tests
