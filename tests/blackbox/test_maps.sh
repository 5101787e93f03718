# Mappings and child processes, seen from outside: by the kernel, by Go's tools, in snapshots.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# begin: the fixture, preloaded, with its commands on a pipe.
begin() {
	needs_preload
	mkfifo "$work/commands"
	# Opened for both, so that neither side waits for the other.
	exec {commands}<>"$work/commands"
	preload 0 "$build/fixtures/maps" <"$work/commands"
	answers=0
}

answered() {
	[[ $(wc -l <"$work/out") -ge $answers ]] || ! kill -0 "$pid"
}

ask() { # COMMAND: waits for its answer, and prints it
	answers=$((answers + 1))
	echo "$1" >&"$commands"
	wait_for 60 answered
	sed -n "${answers}p" "$work/out"
}

# sum FUNCTION KIND COLUMN: of the samples whose stack begins in this function.
sum() {
	jq --arg function "$1" --arg kind "$2" --argjson column "$3" \
		'[.samples[] | select(.stack[0].function == $function and .label[] == $kind) | .values[$column]] | add // 0'
}

test_known() {
	: "known mappings have known rows: count, kind, mapped and resident bytes, by function and line"
	begin
	ask "leak 10"
	prof "/debug/pprof/maps?format=json" >"$work/maps.json"
	equal "count" "$(sum leak_pages anonymous 0 <"$work/maps.json")" 10
	equal "mapped" "$(sum leak_pages anonymous 1 <"$work/maps.json")" $((10 * 3 * 4096))
	equal "resident" "$(sum leak_pages anonymous 2 <"$work/maps.json")" $((10 * 4096))
	equal "of the memfd" "$(sum leak_memfd "shared memory" 0 <"$work/maps.json")" 5
	equal "types" "$(jq -c '[.types[].type]' "$work/maps.json")" '["maps","mapped","resident"]'
	contains "$(prof "/debug/pprof/maps?debug=2" | grep -A2 'memfd:leaked')" "leak_memfd(...)"
	local index
	for index in maps mapped resident; do
		go tool pprof -top -nodefraction=0 -sample_index=$index "$pprof/debug/pprof/maps" >"$work/top" 2>&1
		contains "$(<"$work/top")" "Type: $index"
		contains "$(<"$work/top")" leak_pages
	done
	contains "$(go tool pprof -tags "$pprof/debug/pprof/maps" 2>&1)" "malloc arena"
	ended
}

# compare: sets, in bytes, how much of what the kernel has is not shown (missing), and how much is
# shown that the kernel does not have (outside); not of malloc's arenas, for what was used to take
# the profile is given back when it has been sent.
compare() {
	local start end s e kind from to covered
	missing=0 outside=0
	prof "/debug/pprof/maps?format=json" >"$work/maps.json"
	grep -v vsyscall "/proc/$pid/maps" >"$work/kernel"
	jq -r '.items[] | "\(.state | split(" ")[0]) \(.name)"' "$work/maps.json" | sort >"$work/shown"
	sort -c -u "$work/shown" || fail "something is there twice"
	while IFS='- ' read -r start end _; do
		missing=$((missing + 16#$end - 16#$start))
	done <"$work/kernel"
	while IFS='- ' read -r s e kind; do
		covered=0
		while IFS='- ' read -r start end _; do
			from=$((16#$start > 16#$s ? 16#$start : 16#$s)) to=$((16#$end < 16#$e ? 16#$end : 16#$e))
			((to <= from)) || covered=$((covered + to - from))
		done <"$work/kernel"
		missing=$((missing - covered))
		[[ $kind == "malloc arena" ]] || outside=$((outside + 16#$e - 16#$s - covered))
	done < <(grep -v ^ffffffff "$work/shown")
}

test_the_kernels() {
	: "each address that the kernel has is in one mapping, nothing is missing and nothing twice"
	begin
	ask "leak 20"
	ask "threads 5"
	ask "many 100"
	local missing outside try own=0
	# Between the two looks malloc may take or give back some; looking up names maps files at first.
	for try in 1 2 3 4 5 6 7 8 9 10; do
		compare
		own=$(jq '.own[1]' "$work/maps.json")
		((outside != 0 || missing > own)) || break
	done
	equal "what the kernel does not have, at try $try" "$outside" 0
	# What is missing is the profiler's own; what taking the profile took is gone by now.
	((missing <= own && missing >= own - (4 << 20))) || fail "$missing bytes are missing, the profiler has $own"
	ended
}

test_kinds() {
	: "thread stacks, arenas and reservations are told apart, and are no suspects"
	begin
	prof /debug/pprof/maps?format=json >"$work/before"
	local from
	from=$(snapshot before)
	ask "threads 7"
	ask "reserve 500"
	ask "leak 200"
	prof /debug/pprof/maps?format=json >"$work/after"
	local stacks='[.samples[] | select(.label.kind == "thread stack") | .values[0]] | add // 0'
	equal "stacks more" $(($(jq "$stacks" "$work/after") - $(jq "$stacks" "$work/before"))) 7
	equal "reserved" "$(sum reserve reserved 1 <"$work/after")" $((500 << 20))
	prof "/debug/suspects?from=$from" >"$work/suspects"
	equal "suspects" "$(jq -c '[.suspects[] | select(.resource == "mappings") | .function]' "$work/suspects")" '["leak_pages","leak_memfd"]'
	equal "growth" "$(jq '[.suspects[] | select(.function == "leak_pages") | .growth] | add' "$work/suspects")" $((200 * 3 * 4096))
	equal "the threads" "$(jq '[.suspects[] | select(.resource == "threads") | .growth] | add' "$work/suspects")" 7
	ended
}

test_differences() {
	: "a window, a snapshot and a difference show what came, in every format"
	begin
	ask "leak 3"
	local from format
	from=$(snapshot)
	ask "leak 5"
	prof "/debug/diff?profile=maps&from=$from&to=now&format=json" >"$work/diff"
	equal "more" "$(sum leak_pages anonymous 0 <"$work/diff")" 5
	equal "before" "$(prof "/debug/snapshots/$from/maps?format=json" | sum leak_pages anonymous 0)" 3
	for format in pprof text folded svg json; do
		equal "maps as $format" "$(code GET "$pprof/debug/pprof/maps?format=$format")" 200
		equal "procs as $format" "$(code GET "$pprof/debug/pprof/procs?format=$format")" 200
	done
	prof "/debug/pprof/maps?seconds=1&format=json" >"$work/window" &
	local window=$!
	sleep 0.2
	ask "leak 7"
	wait "$window"
	[[ $(sum leak_pages anonymous 0 <"$work/window") =~ ^[07]$ ]] || fail "a window of half a leak"
	ended
}

test_children() {
	: "children stand under the call that forked them, zombies apart until they are reaped"
	begin
	local from
	from=$(snapshot)
	ask "zombies 6"
	prof /debug/pprof/procs?format=json >"$work/procs"
	equal zombies "$(sum fork_child zombie 0 <"$work/procs")" 6
	equal running "$(sum fork_child running 0 <"$work/procs")" 1
	equal "the kernel's" "$(jq -c '[.items[].id] | sort' "$work/procs")" \
		"$(tr ' ' '\n' <"/proc/$pid/task/$pid/children" | sed '/^$/d' | jq -s -c sort)"
	contains "$(prof /debug/pprof/procs?debug=2)" "[maps] zombie"
	contains "$(go tool pprof -top "$pprof/debug/pprof/procs" 2>&1)" fork_child
	contains "$(prof "/debug/suspects?from=$from&format=text")" fork_child
	equal figures "$(prof /debug/snapshots -X POST | jq -c '[.figures.children, .figures.zombies]')" "[7,6]"
	ask reap
	prof /debug/pprof/procs?format=json >"$work/procs"
	equal zombies "$(sum fork_child zombie 0 <"$work/procs")" 0
	equal running "$(sum fork_child running 0 <"$work/procs")" 1
	kill "$(jq '.items[0].id' "$work/procs")"
	ended
}

test_torture() {
	: "profiles taken while threads map, move, unmap and fork: nothing breaks, nothing stays"
	begin
	ask "leak 1"
	local rounds=0 ms=${SOAK:+$((SOAK * 1000))}
	answers=$((answers + 1))
	echo "churn ${ms:-3000}" >&"$commands"
	until answered; do
		prof /debug/pprof/maps?format=json | jq -e '[.samples[].values[0]] | min >= 0' >/dev/null
		prof /debug/pprof/procs >/dev/null
		rounds=$((rounds + 1))
	done
	kill -0 "$pid" || fail "it ended: $(<"$work/err")"
	[[ $rounds -gt 0 ]]
	prof /debug/pprof/maps?format=json >"$work/maps.json"
	equal "left of the churn" "$(jq '[.samples[] | select([.stack[].function] | any(startswith("churn_"))) | .values[0]] | add // 0' "$work/maps.json")" 0
	equal "leaked" "$(sum leak_pages anonymous 0 <"$work/maps.json")" 1
	equal "children" "$(prof /debug/pprof/procs?format=json | jq '.total[0].value')" 0
	ended
}

run_tests
