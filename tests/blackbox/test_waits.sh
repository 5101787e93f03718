# The block and mutex profiles: who waited, who made others wait, and for how long.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
export PPROF_TMPDIR=$work HOME=$work

# start BLOCK_NS MUTEX_FRACTION [PROGRAM]: one of the programs of known waits, told what to do by tell.
start() {
	built fixtures
	mkfifo "$work/in"
	exec 9<>"$work/in" # both ends, so that nobody waits for the other
	LEAKPROF_BLOCK_RATE=$1 LEAKPROF_MUTEX_FRACTION=$2 preload 0 "$build/fixtures/${3:-waits}" <"$work/in" 9>&-
	asked=0
}

answered() {
	[[ $(grep -c '^done$' "$work/out") -ge $asked ]] || ! kill -0 "$pid" 2>/dev/null
}

# tell WORD: what it has to show for it is in $work/expected.
tell() {
	asked=$((asked + 1))
	echo "$1" >&9
	wait_for 120 answered
	[[ $(grep -c '^done$' "$work/out") -eq $asked ]] || fail "$1: $(tail -n 1 "$work/err")"
	awk -v wanted="$asked" '/^done$/ { n++; next } n == wanted - 1' "$work/out" >"$work/expected"
}

finish() {
	local status=0
	exec 9>&-
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
}

# rows FILE: FUNCTION COUNT NS of the fixture's own waits, by name. (Those that it waits for elsewhere,
# to join a thread, say, are not what is tested here.)
rows() {
	jq -r '[.samples[] | {name: .stack[0].function, count: .values[0], ns: .values[1]}
		| select(.name | test("^(wait|let|hold|vain|keep|cancel|nobody|child)_"))] | group_by(.name)[]
		| "\(.[0].name) \(map(.count) | add) \(map(.ns) | add)"' "$1"
}

# as_expected PROFILE FILE: every row that is expected, as often, within its bounds; and no other.
as_expected() {
	rows "$2" >"$work/rows"
	awk -v profile="$1" '
		FNR == NR { if ($1 == profile) { count[$2] = $3; least[$2] = $4; most[$2] = $5; missing[$2] } next }
		!($1 in count) { print "not expected: " $0; next }
		$2 != count[$1] || $3 < least[$1] || $3 > most[$1] {
			print $0 ", expected " count[$1] " times, " least[$1] " to " most[$1] }
		{ delete missing[$1] }
		END { for (name in missing) print "missing: " name }' "$work/expected" "$work/rows" >"$work/wrong"
	[[ ! -s $work/wrong ]] || fail "$1: $(<"$work/wrong")"
}

# added WORD: what one word adds to both profiles, by the difference of a snapshot and now.
added() {
	local profile id
	id=$(snapshot "$1")
	tell "$1"
	for profile in block mutex; do
		prof "/debug/diff?profile=$profile&from=$id&to=now&format=json" >"$work/$profile.json"
	done
}

check() { # WORD
	added "$1"
	as_expected block "$work/block.json"
	as_expected mutex "$work/mutex.json"
}

on() { # BLOCK_NS MUTEX_FRACTION
	equal put "$(code PUT "$pprof/debug/rate?block_ns=$1&mutex_fraction=$2")" 200
}

test_every_wait() {
	: "every way to wait is counted once, by who waited and by who let go, for as long as it was"
	start 1 1
	equal rates "$(prof /debug/rate | jq -c '[.block_ns, .mutex_fraction]')" "[1,1]"
	check all
	[[ $(wc -l <"$work/expected") -ge 25 ]] || fail "only $(wc -l <"$work/expected") rows"
	check vain
	check signal
	equal losses "$(jq .losses "$work/block.json")" 0
	finish
}

test_nobody_waits() {
	: "locks that nobody waits for are in neither profile"
	start 1 1
	check free
	equal rows "$(<"$work/rows")" ""
	finish
}

test_forks() {
	: "a fork while threads wait hangs nobody, in the parent or in the child, and counts nothing twice"
	start 1 1 waits_disturbed
	check fork
	check all
	finish
}

test_cancelled() {
	: "a thread that is cancelled while it waits runs its handlers, and its wait is recorded"
	start 1 1 waits_disturbed
	check cancel
	check all
	finish
}

test_unwound() {
	: "in C++ a cancelled thread runs its destructors and catch clauses, and its wait is recorded"
	needs_preload
	built fixtures
	local rate
	for rate in 0 1; do
		equal plain "$(LD_PRELOAD=$build/libleakprof.so LEAKPROF_BLOCK_RATE=$rate timeout 60 "$build/fixtures/unwound")" \
			"destructor handler catch destructor handler catch destructor handler catch cancelled"
	done
	LEAKPROF_BLOCK_RATE=1 preload 0 "$build/fixtures/unwound" wait
	wait_for 60 grep -q cancelled "$work/out"
	prof "/debug/pprof/block?format=json" >"$work/block.json"
	equal rows "$(jq -c '[.samples[] | [.stack[].function] | map(select(startswith("cancelled_"))) | .[]] | sort | unique' "$work/block.json")" \
		'["cancelled_condition","cancelled_semaphore","cancelled_std"]'
	ended
}

test_off_and_on() {
	: "off until asked for, and says so; on and off again while the program runs"
	start "" ""
	local profile note parameter
	tell all
	for profile in block mutex; do
		parameter=$([[ $profile == block ]] && echo block_ns || echo mutex_fraction)
		note="off, nothing was recorded; PUT /debug/rate?$parameter=1 records everything from then on"
		prof "/debug/pprof/$profile?format=json" >"$work/off.json"
		equal "rows of $profile" "$(jq '.samples | length' "$work/off.json")" 0
		equal "note of $profile" "$(jq -r .note "$work/off.json")" "$note"
		contains "$(prof "/debug/pprof/$profile?debug=1")" "# $note"
		contains "$(prof "/debug/pprof/$profile?format=text")" "# $note"
		prof "/debug/pprof/$profile" -o "$work/off.gz"
		contains "$(go tool pprof -comments "$work/off.gz" 2>&1)" "$note"
	done
	on 1 0
	added vain
	as_expected block "$work/block.json"
	equal "mutex is off" "$(rows "$work/mutex.json")" ""
	on 0 1
	tell all
	prof "/debug/pprof/mutex?format=json" >"$work/mutex.json"
	as_expected mutex "$work/mutex.json"
	on 0 0
	prof "/debug/pprof/block?format=json" | jq -c .samples >"$work/before"
	prof "/debug/pprof/mutex?format=json" | jq -c .samples >>"$work/before"
	tell all
	prof "/debug/pprof/block?format=json" | jq -c .samples >"$work/after"
	prof "/debug/pprof/mutex?format=json" | jq -c .samples >>"$work/after"
	cmp "$work/before" "$work/after"
	prof "/debug/pprof/block?format=json" | jq -e '.note | startswith("off now")'
	finish
}

test_rate_route() {
	: "the rate route takes any of its parameters, and nothing of a request that is wrong"
	serve --rate 524288 --block-rate 5000 --mutex-fraction 7
	local bad
	equal options "$(prof /debug/rate | jq -c '[.rate, .block_ns, .mutex_fraction]')" "[524288,5000,7]"
	equal block "$(prof "/debug/rate?block_ns=1" -X PUT | jq -c '[.rate, .block_ns, .mutex_fraction]')" "[524288,1,7]"
	equal mutex "$(prof "/debug/rate?mutex_fraction=0" -X PUT | jq -c '[.rate, .block_ns, .mutex_fraction]')" "[524288,1,0]"
	equal heap "$(prof "/debug/rate?bytes=4096" -X PUT | jq -c '[.rate, .block_ns, .mutex_fraction]')" "[4096,1,0]"
	equal all "$(prof "/debug/rate?bytes=1&block_ns=2&mutex_fraction=3" -X PUT | jq -c '[.rate, .block_ns, .mutex_fraction]')" "[1,2,3]"
	for bad in 'bytes=7&block_ns=-1' 'bytes=7&mutex_fraction=x' 'block_ns=9&mutex_fraction=99999999999999' 'fraction=1' ''; do
		equal "$bad" "$(code PUT "$pprof/debug/rate?$bad")" 400
	done
	equal unchanged "$(prof /debug/rate | jq -c '[.rate, .block_ns, .mutex_fraction]')" "[1,2,3]"
}

test_go_tool() {
	: "go tool pprof reads both: -top, -traces, text with debug=1, and what a window changed"
	start 1 1
	tell all
	local profile name other total form
	for profile in block mutex; do
		name=$([[ $profile == block ]] && echo wait_mutex || echo let_mutex)
		other=$([[ $profile == block ]] && echo wait_barrier || echo let_mtx)
		prof "/debug/pprof/$profile" -o "$work/$profile.gz"
		go tool pprof -top -nodefraction=0 "$work/$profile.gz" >"$work/top" 2>&1
		contains "$(<"$work/top")" "Type: delay"
		for form in "$name" "$other"; do
			grep -qw "$form" "$work/top" || fail "$(<"$work/top")"
		done
		go tool pprof -top -nodefraction=0 -sample_index=contentions "$pprof/debug/pprof/$profile" >"$work/top" 2>&1
		contains "$(<"$work/top")" "Type: contentions"
		awk -v name="$name" -v count="$(awk -v k="$profile" -v n="$name" '$1 == k && $2 == n { print $3 }' "$work/expected")" \
			'$6 == name { found = $1 == count } END { exit !found }' "$work/top" || fail "$(<"$work/top")"
		go tool pprof -traces "$work/$profile.gz" >"$work/traces" 2>&1
		grep -qE "^ +[0-9.]+m?s +$name$" "$work/traces" || fail "$(<"$work/traces")"
		go tool pprof -raw "$work/$profile.gz" >"$work/raw" 2>&1
		contains "$(<"$work/raw")" "PeriodType: contentions count"
		contains "$(<"$work/raw")" "Period: 1"
		contains "$(<"$work/raw")" "contentions/count delay/nanoseconds"
		for form in text folded; do
			prof "/debug/pprof/$profile?format=$form" >"$work/form"
			contains "$(<"$work/form")" "$name"
		done
		prof "/debug/pprof/$profile?format=svg" | xmllint --nonet --noout -
		# Go's parser of texts gives what the binary form has.
		prof "/debug/pprof/$profile?debug=1" >"$work/$profile.txt"
		go tool pprof -raw "$work/$profile.txt" >"$work/raw.txt" 2>&1
		total='/^Samples:/ { on = 1; next } /^Locations/ { on = 0 } on && NF > 2 { sub(":", "", $2); n += $1; ns += $2 } END { printf "%d %d\n", n, ns }'
		equal "$profile as text" "$(awk "$total" "$work/raw.txt")" "$(awk "$total" "$work/raw")"
	done
	equal "head of block" "$(sed -n 1,2p "$work/block.txt" | tr '\n' ' ')" "--- contention: cycles/second=1000000000 "
	equal "head of mutex" "$(sed -n 1,3p "$work/mutex.txt" | tr '\n' ' ')" "--- mutex: cycles/second=1000000000 sampling period=1 "
	prof "/debug/pprof/block?seconds=3&format=json" >"$work/delta.json" &
	local window=$!
	while kill -0 $window 2>/dev/null; do
		tell vain
	done
	wait $window
	equal delta "$(jq .delta "$work/delta.json")" true
	equal "a window" "$(rows "$work/delta.json" | cut -d_ -f1 | sort -u | tr '\n' ' ')" "vain "
	finish
}

test_results() {
	: "calls that are wrong, and locks in a strange state, give what they give without a profiler"
	needs_preload
	built fixtures
	local rates
	timeout 60 "$build/fixtures/lock_results" >"$work/plain"
	[[ $(wc -l <"$work/plain") -gt 100 ]] || fail "only $(wc -l <"$work/plain") lines"
	for rates in '0 0' '1 0' '0 1' '1 1' '1000000 10'; do
		LD_PRELOAD=$build/libleakprof.so LEAKPROF_BLOCK_RATE=${rates% *} LEAKPROF_MUTEX_FRACTION=${rates#* } \
			timeout 60 "$build/fixtures/lock_results" >"$work/preloaded"
		diff "$work/plain" "$work/preloaded" >"$work/diff" || fail "at $rates: $(<"$work/diff")"
	done
}

test_torture() {
	: "threads that lock, wait and time out at random lose nothing while profiles are fetched and rates change"
	needs_preload
	built fixtures
	local status=0 n=0 rates profile
	preload 524288 "$build/fixtures/lock_torture" 6
	while kill -0 "$pid" 2>/dev/null; do
		for rates in '1&mutex_fraction=1' '0&mutex_fraction=1' '5000&mutex_fraction=10' '0&mutex_fraction=0'; do
			curl -sS -m 30 -o "$work/body" -X PUT "$pprof/debug/rate?block_ns=$rates" || true
			for profile in block mutex threads; do
				curl -sS -m 30 -o "$work/$profile" "$pprof/debug/pprof/$profile" && gunzip -t <"$work/$profile" && n=$((n + 1))
			done || true
		done
	done 2>>"$work/null"
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
	equal "last word" "$(tail -n 1 "$work/out")" "added up"
	[[ $n -ge 3 ]] || fail "only $n profiles"
}

run_tests
