# The same churn under other profilers, each against its own plain allocator. Sourced by bench.
# shellcheck shell=bash disable=SC2154

loads() { [[ -z $(LD_PRELOAD=$1 /bin/true 2>&1) ]]; }

jemalloc() { echo env LD_PRELOAD=libjemalloc.so.2 "$@"; }
tcmalloc() { echo env LD_PRELOAD=libtcmalloc.so.4 "$@"; }

# A jemalloc that was built without profiling prints a message about the option, and runs on.
jemalloc_profiles() {
	[[ -z $(MALLOC_CONF=prof:true LD_PRELOAD=libjemalloc.so.2 /bin/true 2>&1) ]]
}

# peer NAME PLAIN COMMAND...: adds a peer to measure. PLAIN is the name of the allocator to compare it with, or
# "" for a plain allocator.
peers=()
declare -A peer_plain peer_command
peer() {
	peers+=("$1")
	peer_plain[$1]=$2
	peer_command[$1]="${*:3}"
}

find_peers() {
	local sampled="jemalloc, prof, lg_prof_sample 19"
	if ! loads libjemalloc.so.2; then
		no_row "peer: $sampled" "not installed"
	else
		peer jemalloc "" "$(jemalloc)"
		if jemalloc_profiles; then
			peer "$sampled" jemalloc "$(jemalloc MALLOC_CONF=prof:true,lg_prof_sample:19)"
		else
			no_row "peer: $sampled" "not built with profiling"
		fi
	fi
	if ! loads libtcmalloc.so.4; then
		no_row "peer: tcmalloc, sampling 524288" "not installed"
		no_row "peer: tcmalloc, HEAPPROFILE" "not installed"
	else
		peer tcmalloc "" "$(tcmalloc)"
		peer "tcmalloc, sampling 524288" tcmalloc "$(tcmalloc TCMALLOC_SAMPLE_PARAMETER=524288)"
		peer "tcmalloc, HEAPPROFILE" tcmalloc "$(tcmalloc "HEAPPROFILE=$work/heapprofile")"
	fi
	peer "plain glibc" "" env
	if ! command -v heaptrack >/dev/null; then
		no_row "peer: heaptrack" "not installed"
	else
		peer heaptrack "plain glibc" "heaptrack -o $work/heaptrack"
	fi
	if ! command -v valgrind >/dev/null; then
		no_row "peer: valgrind memcheck" "not installed"
	else
		peer "valgrind memcheck" "plain glibc" "valgrind -q"
	fi
}

measure_peers() {
	local round one command
	find_peers
	for ((round = 1; round <= peer_rounds; round++)); do
		say "peers, round $round of $peer_rounds"
		for one in "${peers[@]}"; do
			read -ra command <<<"${peer_command[$one]}"
			churn "$one" 1 "${command[@]}"
		done
	done
	for one in "${peers[@]}"; do
		row "peer: $one" "$(median "churn-$one-1")" "ns a pair"
		[[ -z ${peer_plain[$one]} ]] ||
			row "peer: $one / ${peer_plain[$one]}" "$(ratio "churn-$one-1" "churn-${peer_plain[$one]}-1")" "x"
		[[ $one != heaptrack ]] || row "peer: $one, by the wall clock" "$(median "wall-$one-1")" "ns a pair"
	done
}
