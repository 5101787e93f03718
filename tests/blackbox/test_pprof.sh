# Go's /debug/pprof contract, by curl and by Go's own tool.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
export PPROF_TMPDIR=$work HOME=$work

header() { # NAME: its value in the last answer
	tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip"
}

test_headers() {
	: "binary profiles carry Go's headers and gzip as the body itself"
	serve
	equal status "$(code GET "$pprof/debug/pprof/heap")" 200
	equal type "$(header Content-Type)" application/octet-stream
	equal disposition "$(header Content-Disposition)" 'attachment; filename="heap"'
	equal nosniff "$(header X-Content-Type-Options)" nosniff
	equal encoding "$(header Content-Encoding)" ""
	gunzip -t <"$work/body"
	equal delta "$(code GET "$pprof/debug/pprof/heap?seconds=1")" 200
	equal disposition "$(header Content-Disposition)" 'attachment; filename="heap-delta"'
	equal text "$(code GET "$pprof/debug/pprof/heap?debug=1")" 200
	equal type "$(header Content-Type)" 'text/plain; charset=utf-8'
}

test_errors() {
	: "errors are text with X-Go-Pprof, with Go's status codes"
	serve
	local path
	equal unknown "$(code GET "$pprof/debug/pprof/nosuch")" 404
	equal go "$(header X-Go-Pprof)" 1
	contains "$(cat "$work/body")" "heap"
	for path in 'heap?seconds=x' 'heap?seconds=-1' 'heap?seconds=0' 'heap?seconds=1&debug=1' 'heap?format=nosuch' \
		'heap?debug=7' 'heap?bogus=1' 'heap?debug=1&debug=2' 'heap?gc=2'; do
		equal "$path" "$(code GET "$pprof/debug/pprof/$path")" 400
		equal go "$(header X-Go-Pprof)" 1
	done
}

test_index() {
	: "the index links every profile, and every link answers"
	serve
	local link n=0
	for link in $(prof /debug/pprof/ | grep -o "href='[^']*'" | cut -d"'" -f2); do
		[[ $link == /* ]] || link=/debug/pprof/$link
		link=${link//&amp;/"&"} link=${link/seconds=5/seconds=1}
		if [[ $link == /debug/live ]]; then # it never ends
			curl -sSN -m 60 -D "$work/headers" "$pprof$link" 2>"$work/null" | grep -qm1 . || true
			contains "$(head -n 1 "$work/headers")" " 200 "
			continue
		fi
		equal "$link" "$(code GET "$pprof$link")" 200
		n=$((n + 1))
	done
	[[ $n -ge 5 ]] || fail "$n links"
}

test_formats() {
	: "every profile answers in every format, and each is well formed"
	serve --rate 1
	get "/leak/thread?n=3" >"$work/null"
	local name
	for name in heap allocs threads goroutine fds maps procs; do
		prof "/debug/pprof/$name?format=pprof" | gunzip -t
		prof "/debug/pprof/$name?format=json" | jq -e '.types | length > 0' >"$work/null"
		prof "/debug/pprof/$name?format=svg" | xmllint --nonet --noout -
		contains "$(prof "/debug/pprof/$name?format=text")" "$name"
		prof "/debug/pprof/$name?format=folded" | grep -vE ' -?[0-9]+$' && fail "folded lines without a value"
		[[ -n ${SANITIZE:-} ]] || contains "$(prof "/debug/pprof/$name?debug=1")" "0x"
		[[ -n $(prof "/debug/pprof/$name?debug=2") ]] || fail "debug=2 is empty"
	done
}

test_cmdline_and_symbol() {
	: "cmdline and symbol answer as Go's do"
	needs_signals
	serve
	contains "$(prof /debug/pprof/cmdline | tr '\0' ' ')" "leakyard --listen"
	contains "$(prof /debug/pprof/symbol)" "num_symbols: 1"
	get "/leak/thread" >"$work/null"
	local address
	address=$(prof "/debug/pprof/threads?debug=1" | grep -m1 -E '^#.*wait_for_answer_forever' | grep -oE '0x[0-9a-f]+' | head -n 1)
	contains "$(prof /debug/pprof/symbol --data "$address")" "$address wait_for_answer_forever"
}

test_shown_safely() {
	: "what a terminal would obey is taken out of the command line, and refused in the name of a snapshot"
	local name hide=$'\u202e'
	local program=$work/$'nap\e[2J\u009b2J\u202e\\033[31m\u00e9\t'
	cp "$(command -v sleep)" "$program"
	preload 0 "$program" 600
	prof /debug/pprof/cmdline >"$work/line"
	printf '%s/nap?[2J??2J???\\033[31m\303\251\t\000600' "$work" >"$work/wanted"
	cmp "$work/line" "$work/wanted"
	for name in $'\e[2J' $'\u009b2J' "a${hide}b" $'\ufffe' $'\ufdd0' $'\U1ffff' $'\u2028' $'\xff' $'a\nb' $'\x7f'; do
		equal "name $(printf %q "$name")" "$(code POST "$pprof/debug/snapshots" -G --data-urlencode "name=$name")" 400
		contains "$(jq -r .error "$work/body")" "printable"
	done
	equal "an umlaut" "$(code POST "$pprof/debug/snapshots" -G --data-urlencode $'name=\u00e9\u20ac\U1f600')" 201
	equal "renamed" "$(code PUT "$pprof/debug/snapshots/1" -G --data-urlencode "name=$hide")" 400
	ended
}

test_policy() {
	: "a browser runs no script in the index, loads nothing for it and guesses the type of no answer, on both ports"
	serve
	local where
	equal index "$(code GET "$pprof/debug/pprof/")" 200
	contains "$(header Content-Security-Policy)" "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
	contains "$(header Content-Security-Policy)" "frame-ancestors 'self'"
	for where in "$pprof"/{debug/pprof/,debug/pprof/cmdline,debug/rate,debug/snapshots,debug/suspects,none} \
		"$url"/{stats,scenes,healthz,leak/healthy,leak/none,scenes/slice/lab,none}; do
		code GET "$where" >"$work/null"
		equal "sniffing of $where" "$(header X-Content-Type-Options)" nosniff
	done
}

# What profiles say with these parameters, now, in a snapshot and in the difference to it, into $work/said.
say_all() { # PARAMETERS
	local profile format
	{
		prof "/debug/pprof/cmdline?$1" | tr '\0' ' '
		for profile in heap threads fds maps procs; do
			for format in format=pprof format=text format=svg format=json debug=1 debug=2; do
				prof "/debug/pprof/$profile?$format&$1" | zcat -f
			done
			for format in format=json debug=2; do
				prof "/debug/snapshots/1/$profile?$format&$1"
			done
			prof "/debug/diff?profile=$profile&from=1&format=json&$1"
		done
	} >"$work/said"
}

test_redact() {
	: "redact=1 leaves peers, paths of descriptors, files of mappings and arguments out of every answer; the environment is in none"
	needs_signals
	local peer
	printf data >"$work/mapped-file"
	export ENVIRONMENT_SECRET=in-the-environment
	serve
	get "/leak/client?n=3" >"$work/null"
	snapshot one >"$work/null"
	peer=$(prof "/debug/pprof/fds?format=json" | jq -r '.items[] | select(.state | contains("ESTABLISHED")) | .state' | sed 's/.*-> \([^,]*\),.*/\1/' | head -n 1)
	contains "$peer" 127.0.0.1:
	say_all ''
	for seen in "$peer" "${url#http://}" "$work/err" --listen; do
		grep -aqF -e "$seen" "$work/said" || fail "$seen is nowhere"
	done
	! grep -aqF "$ENVIRONMENT_SECRET" "$work/said" || fail "the environment is shown"
	say_all redact=1
	! grep -aE -e '127\.0\.0\.1:|--listen' "$work/said" || fail "addresses or arguments"
	! grep -aF -e "$work" "$work/said" || fail "paths"
	prof "/debug/pprof/fds?debug=2&redact=1" >"$work/fds"
	grep -q '^fd [0-9]* \[tcp socket\] ESTABLISHED, Recv-Q' "$work/fds"
	grep -q '^fd [0-9]* \[file\] O_' "$work/fds"
	prof "/debug/pprof/maps?debug=2&redact=1" | grep '^mapping' >"$work/maps"
	grep -q '^mapping \[file\] [0-9a-f]*-[0-9a-f]* r-*p, ' "$work/maps"
	! grep -F / "$work/maps" || fail "files of mappings"
	equal cmdline "$(prof "/debug/pprof/cmdline?redact=1")" "$(readlink -f "$build/leakyard")"
	for where in pprof/fds? pprof/cmdline? "diff?from=1&" snapshots/1/fds?; do
		equal "$where" "$(code GET "$pprof/debug/${where}redact=2")" 400
		equal "$where" "$(code GET "$pprof/debug/${where}redact=0")" 200
	done
}

test_exact_heap() {
	: "at rate 1 the heap profile holds what the scene holds, to the byte and the object"
	needs_heap
	serve --rate 1
	get "/leak/slice?n=1" >"$work/null"
	get "/leak/slice?n=499&size=1337" >"$work/null"
	go tool pprof -sample_index=inuse_objects -raw "$pprof/debug/pprof/heap" >"$work/raw" 2>&1
	prof "/debug/pprof/heap?format=json" >"$work/heap.json"
	local bytes objects
	bytes=$(jq '[.samples[] | select([.stack[].function] | index("slice_leak")) | .values[3]] | add' "$work/heap.json")
	objects=$(jq '[.samples[] | select([.stack[].function] | index("slice_leak")) | .values[2]] | add' "$work/heap.json")
	equal objects "$objects" "$(get /stats | jq .scenes.slice.held_objects)"
	[[ $bytes -ge $((65536 + 499 * 1337)) ]] || fail "$bytes bytes"
	local body
	body=$(jq '[.samples[] | select([.stack[].function] | index("slice_leak")) | select(.label == 1337 or .label.bytes? == 1337) | .values[3]] | add' "$work/heap.json")
	equal "bodies of 1337" "$body" $((499 * 1337))
	equal losses "$(get /stats | jq .profiler.losses)" 0
}

test_go_tool() {
	: "go tool pprof reads profiles by file and by URL: -top, -raw, -list, -base, -diff_base, ?seconds="
	needs_heap
	serve --rate 1
	prof /debug/pprof/heap -o "$work/a.gz"
	get "/leak/slice?n=100" >"$work/null"
	prof /debug/pprof/heap -o "$work/b.gz"
	contains "$(go tool pprof -top "$work/b.gz" 2>&1)" "slice_leak"
	contains "$(go tool pprof -top "$pprof/debug/pprof/heap" 2>&1)" "slice_leak"
	contains "$(go tool pprof -top -base "$work/a.gz" "$work/b.gz" 2>&1 | sed -n '/flat%/{n;p}')" "slice_leak"
	contains "$(go tool pprof -top -diff_base "$work/a.gz" "$work/b.gz" 2>&1 | sed -n '/flat%/{n;p}')" "slice_leak"
	contains "$(go tool pprof -raw "$work/b.gz" 2>&1)" "leaks/slice.c"
	contains "$(go tool pprof -list slice_leak "$work/b.gz" 2>&1)" "malloc(call->size)"
	local index
	for index in alloc_objects alloc_space inuse_objects inuse_space; do
		contains "$(go tool pprof -sample_index=$index -top "$work/b.gz" 2>&1)" "Type: $index"
	done
	contains "$(go tool pprof -top "$work/b.gz" 2>&1)" "Type: inuse_space"
	prof /debug/pprof/allocs -o "$work/allocs.gz"
	contains "$(go tool pprof -top "$work/allocs.gz" 2>&1)" "Type: alloc_space"
	(sleep 0.3; get "/leak/slice?n=50" >"$work/null") &
	contains "$(go tool pprof -top -sample_index=inuse_space "$pprof/debug/pprof/heap?seconds=1" 2>&1)" "slice_leak"
	wait $!
}

test_threads_profile() {
	: "the threads profile has the program's threads, blocked ones too, and not the profiler's"
	needs_signals
	serve --threads 2
	get "/leak/thread?n=40" >"$work/null"
	prof /debug/pprof/threads -o "$work/t.gz"
	contains "$(go tool pprof -top -cum "$work/t.gz" 2>&1)" "wait_for_answer_forever"
	local text total
	text=$(prof "/debug/pprof/goroutine?debug=2")
	equal "blocked" "$(grep -c '"lookup"' <<<"$text")" 40
	contains "$text" "in futex"
	[[ $text != *leakprof* ]] || fail "the profiler's own thread is in its profile"
	total=$(prof "/debug/pprof/threads?format=json" | jq '[.samples[].values[0]] | add')
	equal "threads" "$total" $((40 + 2 + 1))
	equal "stats" "$(get /stats | jq .threads)" "$total"
}

test_fds_profile() {
	: "the fds profile has each descriptor's kind, peer and opener, as the kernel has them"
	serve
	get "/leak/client?n=30" >"$work/null"
	local text
	text=$(prof "/debug/pprof/fds?debug=2")
	[[ $(grep -c '127.0.0.1:[0-9]* -> 127.0.0.1:[0-9]*' <<<"$text") -ge 30 ]] || fail "peers: $text"
	contains "$text" "client_leak"
	prof /debug/pprof/fds -o "$work/f.gz"
	contains "$(go tool pprof -top -cum "$work/f.gz" 2>&1)" "client_leak"
	local all shown own=0
	[[ ${SANITIZE:-} != thread ]] || own=$(get /stats | jq .profiler.fds) # they are shared there
	all=$(find "/proc/$pid/fd" -mindepth 1 | wc -l)
	shown=$(prof "/debug/pprof/fds?format=json" | jq '[.samples[].values[0]] | add')
	# Between the two looks keep-alive connections of curl come and go.
	[[ $((all - own - shown)) -ge -2 && $((all - own - shown)) -le 2 ]] || fail "$all open, $own own, $shown shown"
}

test_descriptors_apart() {
	: "the profiler takes no descriptor from the program, and serves on when the program closes all"
	# shellcheck disable=SC2016
	preload 524288 perl -MPOSIX -e '
		POSIX::close($_) for 3 .. 1000;
		open my $first, "<", "/dev/null"; print fileno($first), "\n"; $| = 1; print "closed\n"; sleep 60'
	wait_for 10 grep -q closed "$work/out"
	equal "the first free number" "$(head -n 1 "$work/out")" 3
	prof /debug/pprof/heap | gunzip -t
	equal "the program has" "$(find "/proc/$pid/fd" -mindepth 1 -printf '%f ')" "0 1 2 3 "
	equal "shown" "$(prof "/debug/pprof/fds?format=json" | jq '[.samples[].values[0]] | add')" 4
	ended
}

test_profiles_under_load() {
	: "profiles fetched in a loop under full load are all whole"
	serve
	wrk -t1 -c16 -d4s "$url/fixed/healthy" >"$work/wrk" &
	local load=$! name n=0
	while kill -0 $load 2>/dev/null; do
		for name in heap allocs threads fds maps procs; do
			prof "/debug/pprof/$name" | gunzip -t
			n=$((n + 1))
		done
	done
	wait $load
	[[ $n -ge 8 ]] || fail "only $n profiles"
	grep -q 'Non-2xx' "$work/wrk" && fail "$(cat "$work/wrk")"
	# On a machine with other work to do a thread may be late now and then.
	[[ ${SANITIZE:-} == thread || $(get /stats | jq .profiler.losses_by_cause.thread_silent) -le $((n / 20 + 1)) ]] ||
		fail "silent threads: $(get /stats | jq -c .profiler)"
}

test_rate() {
	: "the rate is changed while running, and the change holds for the next allocation"
	needs_heap
	serve --rate 0
	local before # what was sampled before the option was read
	before=$(get /stats | jq -c '[.heap_alloc_objects, .heap_alloc_bytes]')
	get "/leak/slice?n=100&size=1337" >"$work/null"
	equal off "$(get /stats | jq -c '[.heap_alloc_objects, .heap_alloc_bytes]')" "$before"
	equal put "$(code PUT "$pprof/debug/rate?bytes=1")" 200
	get "/leak/slice?n=100&size=7331" >"$work/null"
	[[ $(prof "/debug/pprof/heap?format=json" | jq '[.samples[].values[3]] | add') -ge 733100 ]] || fail "not exact"
	equal bad "$(code PUT "$pprof/debug/rate?bytes=-1")" 400
	equal bad "$(code PUT "$pprof/debug/rate")" 400
	equal get "$(prof /debug/rate | jq .rate)" 1
}

test_rates_told() {
	: "a profile says at which rates its samples were taken, and its figures outlive the changes"
	needs_heap
	serve --rate 524288
	[[ $(prof "/debug/pprof/heap?format=text") != *"rates mixed"* ]] || fail "mixed from the start"
	local rate
	for rate in 1 0 4096; do
		equal put "$(code PUT "$pprof/debug/rate?bytes=$rate")" 200
		get "/leak/slice?n=100&size=$((7000 + rate))" >"$work/null"
	done
	prof "/debug/pprof/heap?format=json" >"$work/heap.json"
	equal rates "$(jq -c '[.rates[].bytes, .rates_mixed, .rates_dropped, .period.value]' "$work/heap.json")" \
		'[524288,1,0,4096,true,0,4096]'
	equal order "$(jq '.rates | map(.since_ns) | . == sort' "$work/heap.json")" true
	local sum='[.samples[] | select([.stack[].function] | index("slice_leak")) | select((.label.bytes? // .label) == $size) | .values[3]] | add // 0'
	equal exact "$(jq --argjson size 7001 "$sum" "$work/heap.json")" 700100
	equal off "$(jq --argjson size 7000 "$sum" "$work/heap.json")" 0
	[[ $(jq --argjson size 11096 "$sum" "$work/heap.json") -gt 0 ]] || fail "not sampled"
	contains "$(prof "/debug/pprof/heap?format=text")" "# rates mixed: 524288 bytes from 0 ns, 1 (exact) from"
	contains "$(prof "/debug/pprof/heap?debug=1")" "0 (off) from"
	prof /debug/pprof/heap -o "$work/heap.gz"
	contains "$(go tool pprof -comments "$work/heap.gz" 2>&1)" "rates mixed"
	equal route "$(prof /debug/rate | jq -c '[.rate, [.rates[].bytes]]')" '[4096,[524288,1,0,4096]]'
	get /reset -X POST >"$work/null"
	wait_for 10 idle
	prof "/debug/pprof/heap?format=json" >"$work/heap.json"
	equal "freed since" "$(jq --argjson size 7001 "$sum" "$work/heap.json")" 0
	equal "freed since" "$(jq --argjson size 11096 "$sum" "$work/heap.json")" 0
}

test_gc() {
	: "gc=1 gives free memory back before the profile and says what came of it; without it nothing is said"
	needs_heap
	serve
	get "/leak/slice?n=300" >"$work/null"
	get /reset -X POST >"$work/null"
	wait_for 10 idle
	local line='^# gc: malloc_trim returned [01]; RSS [0-9]+ bytes before, [0-9]+ after; free in malloc.s arenas [0-9]+ bytes before, [0-9]+ after$'
	prof "/debug/pprof/heap?gc=1&debug=1" | grep -E "$line"
	prof "/debug/pprof/threads?gc=1&debug=2" | grep -E "$line"
	prof "/debug/pprof/heap?gc=1&format=json" | jq -e '.gc | .rss_before_bytes > 0 and .rss_after_bytes > 0 and (.trimmed | type) == "boolean"'
	prof "/debug/pprof/heap?debug=1" | grep "# gc" && fail "said without gc=1"
	equal json "$(prof "/debug/pprof/heap?gc=0&format=json" | jq 'has("gc")')" false
}

test_own_weight() {
	: "what the profiler itself uses is served by table, with its losses and its time, everywhere alike"
	needs_heap
	serve --rate 1
	get "/leak/slice?n=2000&size=1337" >"$work/null"
	prof "/debug/pprof/heap?format=json" | jq .profiler >"$work/profile.json"
	get /stats | jq .profiler >"$work/stats.json"
	local file
	for file in profile stats; do
		jq -e '.table_bytes == .unwinder_bytes + ([.tables[]] | add) and .tables.blocks > 0 and .tables.stacks > 0
			and .live_samples >= 4000 and .sites > 0 and .hook_ns_estimate > 0 and .hook_events_timed > 0
			and (.losses_by_cause | has("no_stack"))' "$work/$file.json"
	done
	equal keys "$(jq -c 'del(.threads, .fds, .losses, .url, .needs_token, .wrong_tokens) | keys' "$work/stats.json")" "$(jq -c keys "$work/profile.json")"
	prof "/debug/pprof/heap?debug=1" >"$work/heap.txt"
	grep -E '^# tables.blocks = [0-9]+$' "$work/heap.txt"
	grep -E '^# hook_ns_estimate = [0-9]+$' "$work/heap.txt"
	contains "$(go tool pprof -top "$work/heap.txt" 2>&1)" "100% of"
	snapshot a >"$work/null"
	equal "of a snapshot" "$(prof "/debug/snapshots/1/heap?format=json" | jq '.profiler.live_samples > 0')" true
	equal "of a diff" "$(prof "/debug/diff?from=1&to=now&format=json" | jq 'has("profiler")')" false
}

run_tests
