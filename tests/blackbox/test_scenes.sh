# Scenes both ways, under load: the leak is found at its line from the profiles alone, the fix and
# the control stay flat. Judged twice: by /debug/suspects, and by Go's tool on the difference.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
export PPROF_TMPDIR=$work HOME=$work

# drive VARIANT SCENE [OPTIONS...]: a fresh server, warmed up, loaded between snapshots 1 and 2.
drive() {
	local variant=$1 scene=$2
	shift 2
	serve --budget-mem 512M --budget-threads 300 --budget-fds 600 "$@"
	wrk -t1 -c8 -d1s "$url/fixed/$scene" >"$work/warm"
	wait_for 10 idle
	snapshot before >"$work/null"
	prof "/debug/pprof/heap?seconds=1" -o "$work/during.gz" &
	local fetch=$!
	wrk -t1 -c8 -d2s "$url/$variant/$scene" >"$work/wrk"
	wait $fetch
	gunzip -t <"$work/during.gz"
	wait_for 10 idle
	snapshot after >"$work/null"
	prof "/debug/suspects?from=1&to=2" >"$work/suspects"
	equal "no loss" "$(get /stats | jq '.profiler.losses - .profiler.losses_by_cause.thread_silent')" 0
}

resource_profile() { # of a resource: the profile, as Go's tool is asked for it
	case $1 in heap) echo heap ;; *) echo "$1" ;; esac
}

leaks() { # SCENE [OPTIONS...]
	local scene=$1 resource function first
	drive leak "$@"
	resource=$(get /scenes | jq -r --arg s "$scene" '.scenes[] | select(.id == $s) | .resource')
	function=$(get /scenes | jq -r --arg s "$scene" '.scenes[] | select(.id == $s) | .guilty_function // .expected.function')
	first=$(jq -r '.suspects[0] | "\(.resource) \(.function) \(.file | sub(".*/leaks/"; "leaks/"))"' "$work/suspects")
	equal "first suspect" "$first" "$resource $function leaks/$scene.c"
	[[ $(jq '.suspects[0].line' "$work/suspects") -gt 0 ]] || fail "no line"

	prof "/debug/snapshots/1/$(resource_profile "$resource")" -o "$work/a.gz"
	prof "/debug/snapshots/2/$(resource_profile "$resource")" -o "$work/b.gz"
	go tool pprof -top -cum -diff_base "$work/a.gz" "$work/b.gz" >"$work/top" 2>&1
	grep -qw "$function" "$work/top" || fail "Go's tool does not show $function: $(cat "$work/top")"
	local held growth field=held_${resource/heap/bytes}
	held=$(get /stats | jq ".scenes.$scene.$field")
	growth=$(jq '[.suspects[] | select(.resource == "'"$resource"'") | .growth] | add' "$work/suspects")
	# The profile against the truth: within 3 standard errors, exact where nothing is sampled.
	jq -e --argjson held "$held" --argjson growth "$growth" --arg resource "$resource" '
		([.suspects[] | select(.resource == $resource) | (.growth_error // 0)] | map(. * .) | add | sqrt) as $error
		| ($growth - $held | fabs) <= 4 * $error + $held / 50 + 8' "$work/suspects" ||
		fail "profile says $growth, truth is $held: $(cat "$work/suspects")"
}

# grown: what the suspects name, but for a kilobyte that a connection needs while it is open.
grown() {
	jq -c '[.suspects[] | select(.resource != "heap" or .growth >= 1024) | [.resource, .function, .growth]]' "$work/suspects"
}

flat() { # VARIANT SCENE [OPTIONS...]
	drive "$@"
	grep -q 'Non-2xx' "$work/wrk" && fail "not all answered: $(cat "$work/wrk")"
	equal suspects "$(grown)" '[]'
	equal "held" "$(get /stats | jq -c ".scenes.$2 | [.held_bytes, .held_threads, .held_fds]")" '[0,0,0]'
}

# Some scenes, by sampling and under real load; test_catalogue.sh has them all, exact.
serve
catalogue=$(get /scenes)
stop_server
for id in slice thread client healthy; do
	needs=
	case $(jq -r --arg s "$id" '.scenes[] | select(.id == $s) | .resource' <<<"$catalogue") in
	none)
		eval "test_${id}_control() {
			: \"$id, a control: flat both ways\"
			flat leak $id
			stop_server
			flat fixed $id
		}"
		continue
		;;
	heap) needs=needs_heap ;;
	threads) needs=needs_signals ;;
	esac
	eval "test_${id}_leak() {
		: \"$id, leaky: found at its line by sampling\"
		$needs
		leaks $id
	}
	test_${id}_fixed() {
		: \"$id, fixed: flat\"
		flat fixed $id
	}"
done

run_tests
