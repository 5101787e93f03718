# Numbered snapshots, their differences and suspects.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
export PPROF_TMPDIR=$work HOME=$work

test_lifecycle() {
	: "snapshots are numbered from 1, listed, read in any format, and dropped"
	serve
	equal take "$(code POST "$pprof/debug/snapshots?name=base")" 201
	contains "$(cat "$work/headers")" "/debug/snapshots/1"
	equal id "$(jq .id "$work/body")" 1
	equal second "$(snapshot second)" 2
	equal list "$(prof /debug/snapshots | jq -c '[.snapshots[] | [.id, .name]]')" '[[1,"base"],[2,"second"]]'
	local format
	for format in pprof text folded json svg; do
		equal "$format" "$(code GET "$pprof/debug/snapshots/1/heap?format=$format")" 200
	done
	equal "debug" "$(code GET "$pprof/debug/snapshots/1/threads?debug=2")" 200
	equal "drop" "$(code DELETE "$pprof/debug/snapshots/1")" 204
	equal "gone" "$(code GET "$pprof/debug/snapshots/1")" 404
	equal "third" "$(snapshot third)" 3
}

test_unknown() {
	: "unknown numbers, profiles and formats are errors that say what there is"
	serve
	snapshot a >"$work/null"
	local path
	for path in snapshots/7 snapshots/x snapshots/7/heap snapshots/1/nosuch 'diff?from=1&to=9' 'diff?from=9' \
		'diff?profile=nosuch&from=1' 'suspects?from=9&to=now'; do
		equal "$path" "$(code GET "$pprof/debug/$path")" 404
		said_why
	done
	for path in 'snapshots/1/heap?format=nosuch' 'diff?to=now' 'diff?from=1&format=nosuch' 'diff?from=1&sign=maybe' \
		'diff?from=1&bogus=1' 'suspects?to=now' 'suspects?from=1&format=svg'; do
		equal "$path" "$(code GET "$pprof/debug/$path")" 400
		said_why
	done
	contains "$(prof /debug/snapshots/1/nosuch)" heap
	contains "$(prof /debug/snapshots/7)" 1
	equal "long name" "$(code POST "$pprof/debug/snapshots?name=$(head -c 64 /dev/zero | tr '\0' a)")" 400
	equal "no more" "$(prof /debug/snapshots | jq '.snapshots | length')" 1
}

test_diff() {
	: "a diff holds the growth and nothing else; growth and shrinkage have their signs"
	needs_heap
	serve --rate 1
	get "/leak/slice?n=40&size=7331" >"$work/null"
	snapshot a >"$work/null"
	get "/leak/slice?n=60&size=1337" >"$work/null"
	snapshot b >"$work/null"
	get /reset -X POST >"$work/null"
	local sum='[.samples[] | select([.stack[].function] | index("slice_leak")) | select((.label.bytes? // .label) == $size) | .values[3]] | add // 0'
	equal growth "$(prof "/debug/diff?profile=heap&from=1&to=2&format=json" | jq --argjson size 1337 "$sum")" $((60 * 1337))
	equal unchanged "$(prof "/debug/diff?profile=heap&from=1&to=2&format=json" | jq --argjson size 7331 "$sum")" 0
	equal shrinkage "$(prof "/debug/diff?profile=heap&from=2&to=now&format=json" | jq --argjson size 7331 "$sum")" $((-40 * 7331))
	equal "growth only" "$(prof "/debug/diff?profile=heap&from=2&to=now&sign=growth&format=json" | jq --argjson size 7331 "$sum")" 0
	prof "/debug/diff?from=1&to=2&format=svg" | xmllint --nonet --noout -
	prof "/debug/diff?from=1&to=2" -o "$work/d.gz"
	contains "$(go tool pprof -top "$work/d.gz" 2>&1 | sed -n '/flat%/{n;p}')" slice_leak
	local a b
	prof /debug/snapshots/1/heap -o "$work/a.gz"
	prof /debug/snapshots/2/heap -o "$work/b.gz"
	a=$(go tool pprof -top -unit b -base "$work/a.gz" "$work/b.gz" 2>/dev/null | awk '/slice_leak/ { print $1; exit }')
	b=$(go tool pprof -top -unit b "$work/d.gz" 2>/dev/null | awk '/slice_leak/ { print $1; exit }')
	equal "our diff and Go's" "$b" "$a"
}

test_names() {
	: "a snapshot is found by its number or its name, in a path and in from= and to=; the newest of a name counts"
	serve
	snapshot before >"$work/null"
	snapshot under%20load >"$work/null"
	snapshot before >"$work/null"
	snapshot 2 >"$work/null"
	equal newest "$(prof /debug/snapshots/before | jq .id)" 3
	equal spaces "$(prof /debug/snapshots/under%20load | jq .id)" 2
	equal number "$(prof /debug/snapshots/2 | jq .id)" 2
	equal profile "$(code GET "$pprof/debug/snapshots/before/threads")" 200
	equal diff "$(code GET "$pprof/debug/diff?from=under%20load&to=before&profile=threads")" 200
	equal suspects "$(prof "/debug/suspects?from=under%20load&to=before" | jq -c '[.from.id, .to.id]')" "[2,3]"
	equal unknown "$(prof /debug/snapshots/after | jq -r .error)" 'there is no snapshot "after"; there are: 1, 2, 3, 4'
	equal drop "$(code DELETE "$pprof/debug/snapshots/before")" 204
	equal older "$(prof /debug/snapshots/before | jq .id)" 1
}

test_churn_in_a_diff() {
	: "what was allocated and freed between two snapshots stands beside what is left"
	needs_heap
	serve --rate 1
	snapshot a >"$work/null"
	get "/leak/slice?n=10&size=7331" >"$work/null"
	get "/fixed/slice?n=20&size=7331" >"$work/null"
	snapshot b >"$work/null"
	prof "/debug/diff?from=1&to=2&format=json" >"$work/diff.json"
	local sum='[.samples[] | select([.stack[].function] | index($function)) | select(.label.bytes == 7331) | [.window.allocated_bytes, .window.freed_bytes, .values[3]]] | transpose | map(add)'
	equal leak "$(jq -c --arg function slice_leak "$sum" "$work/diff.json")" "[73310,0,73310]"
	equal fixed "$(jq -c --arg function slice_fixed "$sum" "$work/diff.json")" "[146620,146620,0]"
	contains "$(prof "/debug/diff?from=1&to=2&format=text")" "   allocated       freed"
	equal "seconds" "$(prof "/debug/pprof/heap?seconds=1&format=json" | jq '.samples | all(has("window"))')" true
}

test_churn_is_no_suspect() {
	: "a leak shows what it allocated and freed and how old it is; busy places stand apart"
	needs_heap
	serve --rate 1
	snapshot a >"$work/null"
	get "/leak/slice?n=20" >"$work/null"
	get "/fixed/slice?n=1000" >"$work/null"
	snapshot b >"$work/null"
	prof "/debug/suspects?from=1&to=2" >"$work/suspects"
	equal suspects "$(jq -r '[.suspects[].function] | unique | .[]' "$work/suspects")" slice_leak
	jq -e '.suspects[0] | .allocated - .freed == .growth and .survivors.oldest_ns >= .survivors.median_ns' "$work/suspects"
	jq -e '[.churn[] | select(.function == "slice_fixed")][0] | .growth == 0 and .allocated == .freed and .allocated >= 65536000' \
		"$work/suspects"
	local text
	text=$(prof "/debug/suspects?from=1&to=2&format=text")
	contains "${text%%busy but not growing*}" slice_leak
	contains "${text##*busy but not growing}" slice_fixed
	[[ ${text%%busy but not growing*} != *slice_fixed* ]] || fail "churn is suspect: $text"
	echo "$text"
}

oldest_slice() { # PATH: age of the oldest block that slice_leak holds
	prof "$1" | jq '[.samples[] | select([.stack[].function] | index("slice_leak")) | .survivors.oldest_ns] | max // -1'
}

older_than() { # AGE
	[[ $(oldest_slice "/debug/pprof/heap?format=json") -gt $1 ]]
}

test_ages() {
	: "survivors grow older, in profiles, snapshots and diffs, and age alone is no difference"
	needs_heap
	serve --rate 1
	get "/leak/slice?n=10&size=7331" >"$work/null"
	snapshot young >"$work/null"
	local young
	young=$(oldest_slice /debug/snapshots/1/heap?format=json)
	[[ $young -ge 0 ]] || fail "no age: $young"
	wait_for 10 older_than "$young"
	get "/leak/slice?n=5&size=1337" >"$work/null"
	snapshot old >"$work/null"
	[[ $(oldest_slice /debug/snapshots/2/heap?format=json) -gt $young ]] || fail "not older"
	equal "the first one's ages" "$(oldest_slice /debug/snapshots/1/heap?format=json)" "$young"
	equal "the diff's ages" "$(oldest_slice '/debug/diff?from=1&to=2&format=json')" \
		"$(oldest_slice /debug/snapshots/2/heap?format=json)"
	equal "only older" "$(prof '/debug/diff?from=1&to=2&format=json' |
		jq '[.samples[] | select([.stack[].function] | index("slice_leak")) | select(.label.bytes == 7331)] | length')" 0
	contains "$(prof /debug/snapshots/2/heap?format=text)" "oldest    median"
	contains "$(prof /debug/pprof/heap?debug=1)" "# survivors of this stack: oldest"
	[[ $(go tool pprof -raw "$pprof/debug/pprof/heap" 2>&1) != *oldest* ]] || fail "ages are labels"
}

test_empty_diff() {
	: "the diff of a snapshot with itself is empty in every format"
	serve
	snapshot a >"$work/null"
	local format
	for format in pprof text folded json svg; do
		equal "$format" "$(code GET "$pprof/debug/diff?from=1&to=1&format=$format")" 200
	done
	equal suspects "$(prof "/debug/suspects?from=1&to=1" | jq '.suspects | length')" 0
}

taken() { [[ $(prof /debug/snapshots | jq '.snapshots[-1].id // 0') -ge $1 ]]; }

test_periodic() {
	: "periodic snapshots are thinned, never the first, the last or a named one; older ones lie further apart"
	serve --snapshot-every 100ms --snapshot-keep 8
	wait_for 20 taken 3
	snapshot mine >"$work/null"
	equal "named" "$(code PUT "$pprof/debug/snapshots/2?name=kept")" 200
	equal "by its name" "$(jq -c '[.id, .name, .periodic]' "$work/body")" '[2,"kept",false]'
	wait_for 60 taken 40
	equal "stopped" "$(code PUT "$pprof/debug/snapshots?every=0")" 200
	equal "settings" "$(prof /debug/snapshots | jq -c .periodic)" '{"every_ms":0,"keep":8,"stacks":true,"missed":0}'
	prof /debug/snapshots >"$work/list"
	equal "periodic ones" "$(jq '[.snapshots[] | select(.periodic)] | length' "$work/list")" 8
	equal "the first and the named" "$(jq -c '[.snapshots[] | select(.id <= 2 or .name == "mine") | .name]' "$work/list")" \
		'["","kept","mine"]'
	jq -e '[.snapshots[] | select(.periodic) | .uptime_ns] | .[-1] as $now | .[1] - .[0] > 2 * (.[-1] - .[-2])' \
		"$work/list" || fail "evenly kept: $(jq -c '[.snapshots[] | select(.periodic) | .id]' "$work/list")"
	jq -e 'all(.snapshots[]; .bytes > 1000 and .cost_ns > 0)' "$work/list"
}

test_periodic_bad() {
	: "a period that cannot be is refused with what is allowed, and changes nothing"
	serve
	local query
	for query in '' 'keep=8' 'every=5' 'every=99ms' 'every=2h' 'every=-1s' 'every=1s&keep=6' 'every=1s&keep=201' 'every=1s&keep=x'; do
		equal "$query" "$(code PUT "$pprof/debug/snapshots?$query")" 400
		said_why
	done
	equal settings "$(prof /debug/snapshots | jq -c .periodic)" '{"every_ms":0,"keep":60,"stacks":true,"missed":0}'
	equal "no such" "$(code PUT "$pprof/debug/snapshots/7?name=x")" 404
	equal on "$(code PUT "$pprof/debug/snapshots?every=1h")" 200
	wait_for 10 taken 1
	equal "by the environment" "$(LEAKPROF_SNAPSHOT_EVERY=1x "$build/leakyard" 2>&1 | grep -c 'LEAKPROF_SNAPSHOT_EVERY: "1x" is not a period\. Use a number with ms, s, m or h, from 100ms to 1h\.')" 1
}

test_periodic_preloaded() {
	: "a preloaded program takes periodic snapshots by two variables; what is wrong with them is said, and harms nothing"
	LEAKPROF_SNAPSHOT_EVERY=100ms LEAKPROF_SNAPSHOT_KEEP=7 preload 0 sleep 60
	wait_for 20 taken 9
	equal keep "$(prof /debug/snapshots | jq -c '[.periodic.every_ms, .periodic.keep, (.snapshots | length)]')" '[100,7,7]'
	ended
	LEAKPROF_SNAPSHOT_EVERY=soon LEAKPROF_SNAPSHOT_KEEP=6 preload 0 sleep 60
	contains "$(<"$work/err")" 'leakprof: LEAKPROF_SNAPSHOT_EVERY: "soon": not a period. Use a number with ms, s, m or h, from 100ms to 1h.'
	contains "$(<"$work/err")" 'leakprof: LEAKPROF_SNAPSHOT_KEEP: "6": out of range. Use a number from 7 to 200.'
	equal none "$(prof /debug/snapshots | jq -c '[.periodic.every_ms, .periodic.keep]')" '[0,60]'
	ended
}

grown_by() { # A hit and a snapshot, so many times
	local i
	for ((i = 0; i < $1; i++)); do
		get "/leak/slice?n=10" >"$work/null"
		snapshot >"$work/null"
	done
}

first_verdict() { prof "/debug/suspects?from=1&to=$1" | jq -r '.suspects[0] | "\(.function): \(.verdict)"'; }

test_verdicts() {
	: "six snapshots of a leak are too early, more of them say leaking; when it stops growing under load, it has stopped"
	needs_heap
	serve --rate 1
	snapshot base >"$work/null"
	grown_by 5
	equal "after five hits" "$(first_verdict 6)" "slice_leak: too early to say"
	contains "$(prof "/debug/suspects?from=1&to=6&format=text")" "take 1 more under the same load"
	grown_by 3
	equal "after eight" "$(first_verdict 9)" "slice_leak: leaking"
	prof "/debug/suspects?from=1&to=9" >"$work/suspects"
	jq -e '.requests == 80 and .suspects[0].grew_in == 8 and .suspects[0].intervals == 8 and (.series | length) == 9
		and .suspects[0].trend.rises > 0.99 and .suspects[0].growth_per_request > 65000' "$work/suspects" ||
		fail "$(<"$work/suspects")"
	contains "$(prof "/debug/suspects?from=1&to=9&format=text")" "1  leaking: it grew in 8 of 8 intervals"
	local i
	for ((i = 0; i < 8; i++)); do
		get "/fixed/slice?n=10" >"$work/null"
		snapshot >"$work/null"
	done
	equal "on the fix" "$(first_verdict 17)" "slice_leak: stopped"
}

run_tests
