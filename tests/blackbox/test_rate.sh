# The sampling rate as a user sees it: auto, fixed, refused.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# order WHAT N: the fixture's work, until it is done.
order() {
	local before
	before=$(answers)
	echo "$1 $2" >&9
	wait_for 60 answered "$before"
}

answers() { grep -c '^done' "$work/out" || true; }

answered() { [[ $(answers) -gt $1 ]]; }

is_exact() {
	[[ $(prof /debug/rate | jq .exact) == true ]]
}

kept() { # the objects and their error of the blocks of 1331 bytes
	prof "/debug/pprof/heap?format=json" |
		jq -c '[.samples[] | select((.label.bytes? // .label) == 1331) | .values[2]] | add // 0'
}

test_auto() {
	: "by default a program that allocates little is recorded exactly, and after a burst again"
	paused auto "$build/fixtures/bursts"
	wait_for 20 is_exact
	order keep 4000
	equal kept "$(kept)" 4000
	equal auto "$(prof /debug/rate | jq -c '[.rate, .auto, .exact, .budget.cpu_percent, .budget.memory_bytes]')" \
		'[1,true,true,0.5,33554432]'
	contains "$(prof "/debug/pprof/heap?debug=1")" "# rate auto, as fine as its budget allows: "
	order churn 3000000
	prof "/debug/pprof/heap?format=json" >"$work/heap.json"
	equal coarser "$(jq '[.rates[].bytes] | max > 1' "$work/heap.json")" true
	equal shown "$(jq -c '[.rate_auto, .rates_mixed]' "$work/heap.json")" '[true,true]'
	equal "still exact" "$(kept)" 4000
	wait_for 30 is_exact
	order keep 1000
	equal kept "$(kept)" 5000
	released
}

test_fixed() {
	: "a fixed rate stays, and can be given up for auto and taken again"
	paused 65536 "$build/fixtures/bursts"
	order churn 1000000
	equal fixed "$(prof /debug/rate | jq -c '[.rate, .auto, .budget]')" '[65536,false,null]'
	equal put "$(code PUT "$pprof/debug/rate?bytes=auto")" 200
	equal auto "$(jq .auto "$work/body")" true
	wait_for 20 is_exact
	equal put "$(code PUT "$pprof/debug/rate?bytes=4096")" 200
	equal fixed "$(jq -c '[.rate, .auto]' "$work/body")" '[4096,false]'
	equal refused "$(code PUT "$pprof/debug/rate?bytes=automatic")" 400
	contains "$(jq -r .error "$work/body")" "it must be a number from 0 to 1099511627776, or auto"
	equal unchanged "$(prof /debug/rate | jq -c '[.rate, .auto]')" '[4096,false]'
	released
}

test_refused() {
	: "a rate that is neither a number nor auto is refused with a message, and the rate is auto"
	paused sometimes "$build/fixtures/bursts"
	contains "$(<"$work/err")" 'leakprof: LEAKPROF_RATE: "sometimes": not a number. Use a number from 0 to 1099511627776, or auto.'
	equal auto "$(prof /debug/rate | jq .auto)" true
	released
}

test_stats() {
	: "the server's /stats and option show the same"
	needs_heap
	serve
	equal default "$(get /stats | jq -c '.rate_auto')" true
	stop_server
	serve --rate auto
	equal option "$(get /stats | jq -c '.rate_auto')" true
	stop_server
	serve --rate 4096
	equal fixed "$(get /stats | jq -c '[.rate, .rate_auto]')" '[4096,false]'
	stop_server
	! "$build/leakyard" --rate often 2>"$work/err" || fail "accepted"
	contains "$(<"$work/err")" '--rate: "often" is not a number. Use a number from 0 to 1099511627776, or auto.'
}

run_tests
