# The whole catalogue, both ways, by the profiles alone: each leak grows by what it says, at its function, and
# comes first among the suspects; each fix and each control stays flat. What is expected of a scene stands in
# catalogue.tsv. PART=2/3 tests the second third of the scenes.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
table=tests/blackbox/catalogue.tsv

row() { # SCENE: sets the columns of its row
	# shellcheck disable=SC2034
	IFS=$'\t' read -r scene query hits profile value amount slack function < <(grep -P "^$1\t" "$table")
	query=${query/#-/}
}

scene_of() { # SCENE COLUMN: from the catalogue: 2 its resource, 3 its guilty function
	grep -P "^$1\t" <<<"$scenes" | cut -f "$2"
}

start() {
	[[ -z ${SANITIZE:-} ]] || skip "the plain build is measured"
	serve --rate 1 --threads 1 --budget-mem 512M --budget-threads 400 --budget-fds 600
}

hit() { # VARIANT SCENE QUERY HITS: one after the other, over one connection
	curl -sS -m 60 -X POST -w '\n%{http_code}\n' "$url/$1/$2${3:+?$3}#[1-$4]" >"$work/answers"
	[[ $(grep -cx 200 "$work/answers") -eq $4 ]] || fail "$1/$2 answers: $(grep -vx 200 "$work/answers" | tail -n 2)"
}

# grown FROM: what the value has grown by since that snapshot, under the function.
grown() {
	if [[ $profile == unused ]]; then
		prof "/debug/snapshots" | jq --argjson from "$1" '[.snapshots[].figures.unused_bytes] | .[-1] - .[$from - 1]'
		return
	fi
	prof "/debug/diff?profile=$profile&from=$1&to=$((last))&format=json" >"$work/diff"
	jq --arg function "$function" --arg value "$value" '(.types | map(.type) | index($value)) as $i
		| [.samples[] | select(any(.stack[]; .function == $function)) | .values[$i]] | add // 0' "$work/diff"
}

as_expected() {
	local expected=$((amount * hits)) got
	last=$(snapshot again)
	got=$(grown 1)
	echo "$scene: $got, expected $expected" >>"$work/seen"
	if [[ $profile == unused ]]; then
		((got >= expected - expected * slack / 100))
	else
		((got >= expected - expected * slack / 100 && got <= expected + expected * slack / 100))
	fi
}

holds() { # all that the scene says it holds, added up
	get /stats | jq -c --arg id "$scene" '.scenes[$id] | [to_entries[] | select(.key | startswith("held_")) | .value] | add'
}

# Malloc has ways of its own: unused memory is gone when less than a quarter of what the leak opens is left of it.
closed() {
	snapshot again >/dev/null
	(($(grown 1) < amount * hits / 4))
}

leak() { # SCENE
	local first last resource
	row "$1"
	start
	resource=$(scene_of "$scene" 2)
	hit fixed "$scene" "$query" 3
	snapshot before >/dev/null
	hit leak "$scene" "$query" "$hits"
	wait_for 20 as_expected || fail "$(tail -n 1 "$work/seen")"
	equal "the catalogue's function" "$(scene_of "$scene" 3)" "${function/#-/}"
	prof "/debug/suspects?from=1&to=$last" >"$work/suspects"
	first=$(jq -r '.suspects[0] | "\(.resource) \(.function) \(.file | sub(".*/leaks/"; "leaks/"))"' "$work/suspects")
	equal "first suspect" "$first" "$resource $function leaks/$scene.c"
	[[ $(jq '.suspects[0].line' "$work/suspects") -gt 0 ]] || fail "no line"
	equal "after a reset" "$(code POST "$url/reset/$scene")" 200
	equal "held" "$(holds)" 0
	[[ $profile != unused ]] || wait_for 20 closed
}

# What is in use of each resource, in the last snapshot.
in_use() {
	prof /debug/snapshots | jq -c '.snapshots[-1].profiles | [.heap.totals.inuse_space, .threads.totals.threads,
		.threadcreate.totals.threadcreate, .fds.totals.fds, .fds.totals.registered, .procs.totals.procs]'
}

# Within 16 KiB of heap, and nothing more of anything else.
stayed() { # BEFORE
	snapshot again >/dev/null
	now=$(in_use)
	jq -ne --argjson before "$1" --argjson now "$now" '[$now, $before] | transpose | map(.[0] - .[1])
		| .[0] <= 16384 and all(.[1:][]; . <= 0)' >/dev/null
}

# No resource has a slope whose interval lies above zero; of unused memory, none that would make it a suspect.
level() {
	local totals
	totals=$(prof "/debug/suspects?from=1&to=$last" | jq -c '.totals | with_entries(select(.value.trend.low > 0))
		| with_entries(select(.key != "unused" or .value.growth > 1048576))')
	equal "rising" "$totals" '{}'
}

flat() { # VARIANT SCENE
	local before now last part part_hits
	row "$2"
	part_hits=$(((hits + 1) / 2))
	start
	hit "$1" "$scene" "$query" "$hits"
	wait_for 20 idle
	last=$(snapshot before)
	before=$(in_use)
	for ((part = 0; part < 6; part++)); do
		hit "$1" "$scene" "$query" "$part_hits"
		wait_for 20 idle
		last=$(snapshot part)
	done
	level
	wait_for 20 stayed "$before" || fail "not flat: $before, then $now"
	[[ $profile != unused ]] || wait_for 20 closed
	equal "suspects" "$(prof "/debug/suspects?from=1" | jq -c '[.suspects[] | [.resource, .function, .growth]]')" '[]'
	equal "held" "$(holds)" 0
}

serve
scenes=$(get /scenes | jq -r '.scenes[] | [.id, .resource, .guilty_function // ""] | @tsv')
ids=$(cut -f 1 <<<"$scenes")
controls=$(awk -F '\t' '$2 == "none" { print $1 }' <<<"$scenes")
stop_server

test_complete() {
	: "every scene has a row in catalogue.tsv, and every row a scene"
	equal rows "$(grep -v '^#' "$table" | cut -f1 | sort)" "$(sort <<<"$ids")"
}

number=0
for id in $ids; do
	number=$((number + 1))
	[[ -z ${PART:-} || $((number % ${PART#*/} + 1)) -eq ${PART%/*} ]] || continue
	if grep -qx "$id" <<<"$controls"; then
		eval "test_${id//-/_}_control() {
			: \"$id, a control, stays flat both ways\"
			flat leak $id
			stop_server
			flat fixed $id
		}"
		continue
	fi
	eval "test_${id//-/_}_leak() {
		: \"$id leaks what it says, where it says, and gives it back\"
		leak $id
	}
	test_${id//-/_}_fixed() {
		: \"$id, fixed, stays flat\"
		flat fixed $id
	}"
done

run_tests
