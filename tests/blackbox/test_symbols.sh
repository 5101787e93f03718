# Addresses become names: of every kind of object, of code that has gone, of C++.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
export PPROF_TMPDIR=$work HOME=$work
fixtures=$build/fixtures

# preload PROGRAM…: runs it with the profiler, every block recorded; $tell is its input, $work/out its
# output; sets $pprof and $pid.
preload() {
	[[ -z ${SANITIZE:-} ]] || skip "a sanitizer's runtime must come first, so nothing can be preloaded"
	make -s fixtures
	rm -f "$work/in"
	mkfifo "$work/in"
	: >"$work/out"
	: >"$work/err"
	LD_PRELOAD=$build/libleakprof.so LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_RATE=1 \
		"$@" <"$work/in" >"$work/out" 2>"$work/err" &
	pid=$!
	exec {tell}>"$work/in"
	wait_for 10 grep -q http "$work/err"
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
		preload "$fixtures/$program"
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
		contains "$(who 10002)" "first_keep keep"
		equal library "$(where 10002 first_keep)" "$(line_of tests/fixtures/library.c 'malloc(size)')"
		contains "$(who 10003)" "stripped_keep keep"
		equal stripped "$(where 10003 stripped_keep)" ":0"
		contains "$(who 10004)" "linked_keep keep"
		equal "by .gnu_debuglink" "$(where 10004 linked_keep)" "$(line_of tests/fixtures/library.c 'malloc(size)')"
		leave
	done
}

test_cplusplus() {
	: "C++ names are demangled in every format; pprof has both names, and whole"
	preload "$fixtures/names"
	wait_for 10 grep -q ready "$work/out"
	local before after format long text
	before=$(prof "/debug/snapshots" -X POST | jq .id)
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
	after=$(prof "/debug/snapshots" -X POST | jq .id)
	prof "/debug/suspects?from=$before&to=$after&format=text" >"$work/null"
	leave
}

test_cplusplus_plugin() {
	: "a C program that loads a C++ library has its names demangled"
	preload "$fixtures/host"
	tell "open $fixtures/names.so" >"$work/null"
	tell "keep 10001" >"$work/null"
	heap
	contains "$(who 10001)" "shop::Basket<int>::add(unsigned long) const keep"
	leave
}

run_tests
