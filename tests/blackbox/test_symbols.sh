# Addresses become names: of every kind of object, of code that has gone, of C++.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
export PPROF_TMPDIR=$work HOME=$work
fixtures=$build/fixtures

# fixture PROGRAM…: preloads it as lib.sh's preload does, every block recorded, with $tell as its input.
fixture() {
	needs_preload
	built fixtures
	rm -f "$work/in"
	mkfifo "$work/in"
	: >"$work/out"
	: >"$work/err"
	LD_PRELOAD=$build/libleakprof.so LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_RATE=1 \
		"$@" <"$work/in" >"$work/out" 2>"$work/err" &
	pid=$!
	exec {tell}>"$work/in"
	wait_for 20 grep -q "^leakprof: " "$work/err"
	pprof=$(grep -m1 -o 'http://[0-9.:]*' "$work/err")
}

leave() { # the program ends by itself at the end of its input, and well
	exec {tell}>&-
	wait "$pid"
	pid=
}

answered() { # N: that many lines
	[[ $(wc -l <"$work/out") -ge $1 ]] || ! kill -0 "$pid" 2>/dev/null
}

tell() { # COMMAND: to tests/fixtures/host.c; prints the address it answers
	local lines
	lines=$(wc -l <"$work/out")
	echo "$1" >&"$tell"
	wait_for 10 answered $((lines + 1))
	[[ $(tail -n 1 "$work/out") == ok* ]] || fail "$1: $(cat "$work/out")"
	tail -n 1 "$work/out" | cut -d' ' -f2
}

heap() { # as JSON, into $work/heap.json
	prof "/debug/pprof/heap?format=json" >"$work/heap.json"
}

# who SIZE: the functions above the blocks of this size, leaf first, as the last heap() has them.
who() {
	jq -r ".samples[] | select(.label.bytes == $1) | [.stack[].function] | join(\" \")" "$work/heap.json"
}

# where SIZE FUNCTION: its file and line in that stack.
where() {
	jq -r ".samples[] | select(.label.bytes == $1) | .stack[] | select(.function == \"$2\") | \"\(.file):\(.line)\"" "$work/heap.json"
}

line_of() { # FILE TEXT: its path and the first line that has the text
	echo "$PWD/$1:$(grep -n -m1 -- "$2" "$1" | cut -d: -f1)"
}

test_kinds() {
	: "PIE, fixed and shared objects give function, file, line and what was inlined; stripped ones their exports"
	local program
	for program in host host_fixed; do
		fixture "$fixtures/$program"
		tell "own 10001" >"$work/null"
		tell "open $fixtures/first.so" >"$work/null"
		tell "keep 10002" >"$work/null"
		tell "open $fixtures/stripped.so" >"$work/null"
		tell "keep 10003" >"$work/null"
		tell "open $fixtures/linked.so" >"$work/null"
		tell "keep 10004" >"$work/null"
		heap
		contains "$program: $(who 10001) " "host_inlined host_own main "
		equal inlined "$(where 10001 host_inlined)" "$(line_of tests/fixtures/host.c 'the line of host_inlined')"
		equal caller "$(where 10001 host_own)" "$(line_of tests/fixtures/host.c 'the line of host_own')"
		contains "$(who 10002)" "first_keep first_middle keep"
		equal library "$(where 10002 first_keep)" "$(line_of tests/fixtures/library.c 'malloc(size)')"
		contains "$(who 10003)" "stripped_keep stripped_middle keep"
		equal stripped "$(where 10003 stripped_keep)" ":0"
		contains "$(who 10004)" "linked_keep linked_middle keep"
		equal "by .gnu_debuglink" "$(where 10004 linked_keep)" "$(line_of tests/fixtures/library.c 'malloc(size)')"
		leave
	done
}

# mappings FILE: offset and build id of each mapping of this file, as pprof reads them.
mappings() {
	awk -v file="$1" '/^Mappings/ { on = 1 } on && $3 == file { split($2, part, "/"); print part[3], $4 }' "$work/raw"
}

test_segments() {
	: "every executable segment of an object has its names, and is a mapping of its own to pprof"
	local top
	fixture "$fixtures/segments"
	wait_for 10 grep -q ready "$work/out"
	heap
	contains "$(who 10001)" "hot_keep main"
	equal hot "$(where 10001 hot_keep)" "$(line_of tests/fixtures/segments.c 'the line of hot_keep')"
	contains "$(who 10002)" "cold_keep main"
	prof "/debug/pprof/heap?format=text" >"$work/text"
	contains "$(cat "$work/text")" hot_keep
	prof /debug/pprof/heap -o "$work/heap.gz"
	top=$(go tool pprof -top -lines "$work/heap.gz" 2>&1)
	contains "$top" "hot_keep $(line_of tests/fixtures/segments.c 'the line of hot_keep')"
	contains "$top" "cold_keep $(line_of tests/fixtures/segments.c 'the line of cold_keep')"
	go tool pprof -raw "$work/heap.gz" >"$work/raw" 2>&1
	equal "mappings, one object" "$(mappings "$fixtures/segments" | wc -l) $(mappings "$fixtures/segments" | cut -d' ' -f2 | sort -u | wc -l)" "2 1"
	grep -qE "^1: .* $fixtures/segments " <(sed -n '/^Mappings/,$p' "$work/raw") || fail "$(sed -n '/^Mappings/,$p' "$work/raw")"
	leave

	fixture "$fixtures/host"
	tell "open $fixtures/hot.so" >"$work/null"
	tell "keep 10003" >"$work/null"
	heap
	contains "$(who 10003)" "hot_keep hot_middle keep main"
	tell close >"$work/null"
	tell "open $fixtures/first.so" >"$work/null"
	tell "keep 10004" >"$work/null"
	heap
	contains "$(who 10003)" "hot_keep hot_middle keep main"
	contains "$(who 10004)" "first_keep first_middle keep main"
	prof /debug/pprof/heap -o "$work/heap.gz"
	contains "$(go tool pprof -top "$work/heap.gz" 2>&1)" hot_keep
	leave
}

test_nameless() {
	: "an object without names is shown with its build id and its package, once; no server is asked"
	local id urls port format text
	python3 -u -m http.server --bind 127.0.0.1 0 >"$work/debuginfod" 2>&1 &
	local server=$!
	wait_for 10 grep -q 'port [0-9]' "$work/debuginfod"
	port=$(grep -o 'port [0-9]*' "$work/debuginfod" | cut -d' ' -f2)
	urls=http://127.0.0.1:$port
	DEBUGINFOD_URLS=$urls fixture "$fixtures/host"
	tell "open $fixtures/nameless.so" >"$work/null"
	tell "keep 10001" >"$work/null"
	heap
	[[ $(who 10001) =~ ^nameless.so\+0x[0-9a-f]+\ nameless.so\+0x[0-9a-f]+\ keep\  ]] || fail "$(who 10001)"
	id=$(readelf -n "$fixtures/nameless.so" | sed -n 's/.*Build ID: //p')
	equal JSON "$(jq -r '.nameless[] | select(.path | test("nameless")) | "\(.path) \(.build_id) \(.package)"' "$work/heap.json")" "$fixtures/nameless.so $id "
	for format in 'format=text' 'debug=1'; do
		text=$(prof "/debug/pprof/heap?$format")
		equal "$format" "$(grep "nameless.so: " <<<"$text")" "# $fixtures/nameless.so: stripped (build id $id)"
	done
	prof /debug/pprof/heap -o "$work/heap.gz"
	contains "$(go tool pprof -comments "$work/heap.gz" 2>&1)" "nameless.so: stripped (build id $id)"
	leave
	curl -s "$urls/" >"$work/null"
	equal "questions to the server" "$(grep -c '"GET' "$work/debuginfod")" 1
	kill "$server"

	command -v dpkg >"$work/null" || return 0
	preload 1 cat < <(sleep 60) # coreutils' is stripped
	local binary package
	binary=$(readlink "/proc/$pid/exe")
	package=$(dpkg -S "$binary" 2>"$work/null" || dpkg -S "${binary#/usr}" 2>"$work/null" || true)
	[[ $package != *:* ]] ||
		contains "$(prof "/debug/pprof/heap?format=text")" "# $binary: stripped. Install ${package%%:*}-dbgsym to see names (build id "
	ended
}

test_debuginfod() {
	: "if the user enables it, a debug file comes from a debuginfod server; one that does not answer is given up"
	[[ -e $(ldconfig -p | sed -n 's/.*libdebuginfod.so.1 .*=> //p' | head -n 1) ]] || skip "libdebuginfod1 is not installed"
	needs_preload
	built fixtures
	local id port server status=0
	id=$(readelf -n "$fixtures/hidden.so" | sed -n 's/.*Build ID: //p')
	mkdir -p "$work/served/buildid/$id"
	cp "$fixtures/debug/.build-id/${id:0:2}/${id:2}.debug" "$work/served/buildid/$id/debuginfo"
	python3 -u -m http.server --bind 127.0.0.1 --directory "$work/served" 0 >"$work/debuginfod" 2>&1 &
	server=$!
	wait_for 10 grep -q 'port [0-9]' "$work/debuginfod"
	port=$(grep -o 'port [0-9]*' "$work/debuginfod" | cut -d' ' -f2)
	LEAKPROF_DEBUGINFOD=10s DEBUGINFOD_URLS=http://127.0.0.1:$port fixture "$fixtures/host"
	tell "open $fixtures/hidden.so" >"$work/null"
	tell "keep 10001" >"$work/null"
	heap
	contains "$(who 10001)" "hidden_keep hidden_middle keep main"
	leave
	kill "$server"
	wait "$server" || status=$?

	# The same server, stopped: it accepts and never answers.
	rm -rf "$HOME/.cache/debuginfod_client" "$HOME/.debuginfod_client_cache"
	python3 -u -m http.server --bind 127.0.0.1 --directory "$work/served" 0 >"$work/debuginfod" 2>&1 &
	server=$!
	wait_for 10 grep -q 'port [0-9]' "$work/debuginfod"
	port=$(grep -o 'port [0-9]*' "$work/debuginfod" | cut -d' ' -f2)
	kill -STOP "$server"
	LEAKPROF_DEBUGINFOD=200ms DEBUGINFOD_URLS=http://127.0.0.1:$port fixture "$fixtures/host"
	tell "open $fixtures/hidden.so" >"$work/null"
	tell "keep 10002" >"$work/null"
	heap
	contains "$(who 10002)" "keep main"
	leave
	kill -KILL "$server"
	wait "$server" || status=$?
}

own() { # the profiler's memory, in bytes
	prof "/debug/pprof/heap?debug=1" >"$work/debug"
	awk '/^# (table|heap)_bytes = / { sum += $4 } END { print sum }' "$work/debug"
}

# look_up BASE OFFSET: asks for every tenth address from there on.
look_up() {
	awk -v from="$(($1 + $2))" 'BEGIN { for (i = 0; i < 60000; i++) printf "%s%.0f", i ? "+" : "", from + 10 * i }' >"$work/body"
	prof /debug/pprof/symbol --data-binary @"$work/body" >"$work/symbols"
}

test_symbol_keeps_nothing() {
	: "addresses that a client asks about leave nothing behind"
	local before after start grown=() offset
	serve --rate 0
	prof "/debug/pprof/symbol?0x1234" >"$work/null"
	start=$((0x$(grep -m1 ' r-xp .*/leakyard$' "/proc/$pid/maps" | cut -d- -f1)))
	own >"$work/null"
	# The first time, files are read, and again if they were closed meanwhile. Once they are open, new
	# addresses in the same functions take nothing.
	for offset in 0 1 2 3 4 5; do
		before=$(own)
		look_up 140000000000000 "$offset"
		look_up "$start" "$offset"
		[[ $(wc -l <"$work/symbols") -gt 20000 ]] || fail "$(head -n 5 "$work/symbols")"
		after=$(own)
		grown+=($((after - before)))
		[[ $((after - before)) -ge $((1 << 20)) ]] || return 0
	done
	fail "each time it grew, by ${grown[*]} bytes"
}

# used TABLE: bytes, from /stats, which looks no names up.
used() {
	get /stats | jq ".profiler.$1"
}

given_back() {
	[[ $(used tables.symbols) -lt $1 && $(used heap_bytes) -lt $2 ]]
}

test_idle() {
	: "what was read for names is given back when nobody asks, and the names stay"
	local pages heap names id read=$((3 << 19)) # the files take more than this, names alone less
	serve
	get "/leak/fd-error-path?n=10" >"$work/null"
	id=$(snapshot) # its stacks are the same each time
	heap=$(used heap_bytes)
	names=$(prof "/debug/snapshots/$id/fds?format=json" | jq -r '.samples[].stack[].function') # reads the files
	contains "$names" fd_error_path_leak
	pages=$(used tables.symbols)
	[[ $pages -gt $read ]] || fail "$pages bytes: what was read has gone, or was not read"
	wait_for 60 given_back $((1 << 20)) $((heap + (512 << 10)))
	equal "names, later" "$(prof "/debug/snapshots/$id/fds?format=json" | jq -r '.samples[].stack[].function')" "$names"
	[[ $(used tables.symbols) -lt $read ]] || fail "names were read again"
}

page() {
	echo "${1::-3}"
}

test_unloaded() {
	: "a library that came and went between two profiles keeps its names, as what stands in its place has its own"
	local first second code again
	fixture "$fixtures/host"
	heap
	first=$(tell "open $fixtures/first.so")
	tell "keep 10001" >"$work/null"
	tell close >"$work/null"
	second=$(tell "open $fixtures/second.so")
	tell "keep 10002" >"$work/null"
	tell close >"$work/null"
	again=$(tell "open $fixtures/first.so")
	tell "keep 10004" >"$work/null"
	tell close >"$work/null"
	code=$(tell "code 10003")
	equal "the second one's place" "$(page "$second")" "$(page "$first")"
	equal "the code's place" "$(page "$code")" "$(page "$first")"
	equal "the first one's next place" "$again" "$first"
	heap
	contains "$(who 10001)" "first_keep first_middle keep main"
	contains "$(who 10002)" "second_keep second_middle keep main"
	contains "$(who 10003)" "0x"
	contains "$(who 10004)" "first_keep first_middle keep main"
	equal "of code" "$(who 10003 | grep -c keep)" 0
	# As many mappings as there were libraries, and pprof takes them as they are.
	prof /debug/pprof/heap -o "$work/heap.gz"
	go tool pprof -raw "$work/heap.gz" >"$work/raw" 2>&1
	equal mappings "$(grep -cE "^[0-9]+: 0x$(page "${first#0x}").*/(first|second).so " "$work/raw")" 2
	local top
	top=$(go tool pprof -top "$work/heap.gz" 2>&1)
	local name
	for name in first_keep second_keep first_middle second_middle; do
		contains "$top" "$name"
	done
	# Once known, names outlive their files, and files are opened once.
	cp "$fixtures/first.so" "$work/mine.so"
	tell "open $work/mine.so" >"$work/null"
	tell "keep 10005" >"$work/null"
	heap
	contains "$(who 10005)" "first_keep first_middle keep main"
	tell "keep 10006" >"$work/null"
	tell close >"$work/null"
	rm "$work/mine.so"
	heap
	contains "$(who 10005)" "first_keep first_middle keep main"
	contains "$(who 10006)" "first_keep first_middle keep main"
	equal line "$(where 10006 first_keep)" "$(line_of tests/fixtures/library.c 'malloc(size)')"
	leave
}

test_code_without_object() {
	: "code that was written at run time is shown by its address, and pprof accepts it"
	fixture "$fixtures/host"
	local code name
	code=$(tell "code 10001")
	heap
	name=$(who 10001 | cut -d' ' -f1)
	[[ $name =~ ^0x[0-9a-f]+$ && $((name)) -gt $((code)) && $((name)) -lt $((code + 32)) ]] || fail "$name at $code"
	prof /debug/pprof/heap -o "$work/heap.gz"
	contains "$(go tool pprof -top "$work/heap.gz" 2>&1)" "$name"
	contains "$(prof "/debug/pprof/heap?debug=1")" "$name"
	leave
}

test_cplusplus() {
	: "C++ names are demangled in every format; pprof has both names, and whole"
	fixture "$fixtures/names"
	wait_for 10 grep -q ready "$work/out"
	local format long text
	heap
	equal template "$(who 10001 | grep -c '^shop::Basket<int>::add(unsigned long) const keep main ')" 1
	contains "$(who 10002)" "shop::Basket<char>::add(unsigned long) const main"
	contains "$(who 10003)" "shop::Basket<char>::operator<(unsigned long) const main"
	contains "$(who 10004)" "shop::take(unsigned long)"
	contains "$(who 10005)" "shop::(anonymous namespace)::hidden(unsigned long)"
	contains "$(who 10006)" "main::{lambda(unsigned long)#1}::operator()(unsigned long) const"
	for format in 'format=text' 'debug=1' 'format=json'; do
		text=$(prof "/debug/pprof/heap?$format")
		contains "$format $text" "shop::Basket<char>::add(unsigned long) const"
		contains "$format $text" "shop::Basket<char>::operator<(unsigned long) const"
	done
	contains "$(prof "/debug/pprof/heap?format=folded")" "shop::Basket<char>::add(unsigned_long)_const 10002"
	prof "/debug/pprof/heap?format=svg" >"$work/heap.svg"
	xmllint --nonet --noout "$work/heap.svg"
	contains "$(cat "$work/heap.svg")" "shop::Basket&lt;char&gt;::add(unsigned long) const"

	prof /debug/pprof/heap -o "$work/heap.gz"
	text=$(go tool pprof -raw "$work/heap.gz" 2>&1)
	contains "$text" "shop::Basket<char>::add(unsigned long) const $PWD/tests/fixtures/names.cc"
	contains "$text" "(_ZNK4shop6BasketIcE3addEm)"
	contains "$(go tool pprof -top "$work/heap.gz" 2>&1)" "shop::Basket<char>::add(unsigned long) const"
	contains "$(go tool pprof -list 'hidden' "$work/heap.gz" 2>&1)" "kept = malloc(size)"

	# A name of some thousand letters is whole for tools and abridged for people.
	long=$(who 10007 | grep -o 'void\* shop::long_name<.*>\*)')
	[[ ${#long} -gt 4000 ]] || fail "a short name: $long"
	contains "$text" "$long"
	for format in 'format=text' 'debug=1' 'format=folded' 'format=svg'; do
		prof "/debug/pprof/heap?$format" >"$work/shown"
		grep -qE 'shop::long_name(<|&lt;).*….*\)' "$work/shown" || fail "$format: $(cat "$work/shown")"
		[[ $(grep -a long_name "$work/shown" | wc -L) -lt 1000 ]] || fail "$format has long lines"
	done
	# One of half a million stays as the linker has it.
	contains "$(who 10008)" "_ZN4shop9long_nameI"
	prof "/debug/pprof/symbol" --data "$(jq -r '.samples[] | select(.label.bytes == 10002) | .stack[0].address' "$work/heap.json")" \
		>"$work/symbol"
	contains "$(cat "$work/symbol")" "shop::Basket<char>::add(unsigned long) const"
	leave
}

test_cplusplus_plugin() {
	: "a C program that loads a C++ library has its names demangled, among the suspects too"
	fixture "$fixtures/host"
	local name="shop::Basket<int>::add(unsigned long) const"
	tell "open $fixtures/names.so" >"$work/null"
	tell "keep 10001" >"$work/null"
	heap
	contains "$(who 10001)" "$name keep"
	snapshot before >"$work/null"
	tell "keep 30000000" >"$work/null"
	snapshot after >"$work/null"
	contains "$(prof "/debug/suspects?from=1&to=2&format=text")" "$name"
	equal suspect "$(prof "/debug/suspects?from=1&to=2" | jq -r '.suspects[0].function')" "$name"
	leave
}

# left SIZE PROFILE [BASE]: objects and bytes in use in blocks of this size, BASE taken away.
left() {
	go tool pprof -raw ${3:+-base "$3"} "$2" 2>"$work/null" |
		awk -v label="bytes:[$1 " '/^ +-?[0-9]+ /{ objects = $3; bytes = $4 + 0 } index($0, label) { o += objects; b += bytes }
			END { print o + 0, b + 0 }'
}

starts() { # PROFILE: where its first mapping begins
	go tool pprof -raw "$1" 2>"$work/null" | sed -n 's/^1: \(0x[0-9a-f]*\)\/.*/\1/p'
}

test_base_across_runs() {
	: "the same work in two runs at different addresses cancels out by -base, and new work shows"
	needs_heap
	local personality
	personality=$(cat /proc/self/personality 2>"$work/null" || echo 0)
	[[ $(cat /proc/sys/kernel/randomize_va_space) != 0 && $((0x$personality & 0x40000)) -eq 0 ]] || skip "addresses are not random here"
	local run
	for run in 1 2; do
		serve --rate 1
		get "/leak/slice?n=200&size=1337" >"$work/null"
		prof /debug/pprof/heap -o "$work/same$run.gz"
		get "/leak/slice?n=40&size=7331" >"$work/null"
		prof /debug/pprof/heap -o "$work/more$run.gz"
		stop_server
	done
	[[ $(starts "$work/same1.gz") != "$(starts "$work/same2.gz")" ]] || fail "both runs lie at $(starts "$work/same1.gz")"
	equal "each has it" "$(left 1337 "$work/same1.gz") $(left 1337 "$work/same2.gz")" "200 267400 200 267400"
	equal "the same work" "$(left 1337 "$work/same2.gz" "$work/same1.gz")" "0 0"
	equal "new work" "$(left 7331 "$work/more2.gz" "$work/same1.gz")" "40 $((40 * 7331))"
	equal "with the old gone" "$(left 1337 "$work/more2.gz" "$work/same1.gz")" "0 0"
	local top
	top=$(go tool pprof -top -base "$work/same1.gz" "$work/same2.gz" 2>&1)
	[[ $top != *slice_leak* ]] || fail "$top"
	contains "$(go tool pprof -top -base "$work/same1.gz" "$work/more2.gz" 2>&1 | sed -n '/flat%/{n;p}')" slice_leak
}

test_base_preloaded() {
	: "so it does in a preloaded program, and in a library that it loads"
	local run
	for run in 1 2; do
		fixture "$fixtures/host"
		tell "own 10001" >"$work/null"
		[[ $run == 1 ]] || tell "own 10002" >"$work/null"
		tell "open $fixtures/first.so" >"$work/null"
		tell "keep 10003" >"$work/null"
		prof /debug/pprof/heap -o "$work/$run.gz"
		leave
	done
	equal "own work" "$(left 10001 "$work/2.gz" "$work/1.gz")" "0 0"
	equal "new work" "$(left 10002 "$work/2.gz" "$work/1.gz")" "1 10002"
	equal "the library's" "$(left 10003 "$work/2.gz" "$work/1.gz")" "0 0"
}

run_tests
