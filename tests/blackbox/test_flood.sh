# A flood of every route in every state of a connection is bounded, and leaves nothing behind.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

token=0123456789abcdef-test

# Every route of profiler/serve/route.c, and the playground's. A star in the table is a name or a number here.
profiler=("GET /" "GET /ui/app.js" "GET /favicon.ico" "GET /debug/pprof" "GET /debug/pprof/" "GET /debug/pprof/cmdline"
	"GET /debug/pprof/symbol?0x400000" "POST /debug/pprof/symbol" "GET /debug/pprof/profile?seconds=30" "GET /debug/pprof/heap?seconds=30"
	"POST /debug/snapshots" "GET /debug/snapshots" "PUT /debug/snapshots?every=1s" "GET /debug/snapshots/1" "PUT /debug/snapshots/1?name=one"
	"DELETE /debug/snapshots/2" "GET /debug/snapshots/1/heap?format=svg" "GET /debug/diff?from=1&to=now&format=svg"
	"GET /debug/suspects?from=1&to=now" "GET /debug/live" "GET /debug/processes" "POST /debug/processes?pid=1&url=http://127.0.0.1:1"
	"GET /debug/rate" "PUT /debug/rate?bytes=524288")
for profile in heap allocs threads goroutine threadcreate block mutex fds maps procs; do
	profiler+=("GET /debug/pprof/$profile?format=svg")
done
playground=("GET /" "GET /ui/app.js" "GET /favicon.ico" "GET /healthz" "GET /stats" "GET /scenes" "GET /scenes/slice/lab?format=html"
	"POST /leak/slice" "GET /fixed/slice" "POST /reset" "POST /reset/slice")

rss() { # KiB
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
}

# flooded PORT ROUTE…: how much the process grew meanwhile (KiB).
flooded() {
	local before line
	before=$(rss)
	coproc timeout 90 /usr/bin/python3 tests/blackbox/clients.py flood "$@"
	exec 7<&"${COPROC[0]}" 8>&"${COPROC[1]}"
	read -r -t 90 line <&7 && equal "the flood" "$line" waiting
	sleep 1
	grown=$(($(rss) - before))
	echo >&8
	read -r -t 60 line <&7
	exec 7<&- 8>&-
	wait "$COPROC_PID" || true
}

is_back() { # KiB
	(($(rss) - $1 < 16 << 10))
}

# flood TOKEN [OPTION…]: clients that send this token, or none. Snapshots are kept until they are deleted.
flood() {
	local before id curl=(-H "Authorization: Bearer $token")
	export FLOOD_TOKEN=$1
	shift
	serve --snapshot-every 1s "$@"
	[[ $# -gt 0 ]] || everything # what is made once: names, tables
	before=$(rss)
	flooded "${pprof##*:}" "${profiler[@]}"
	((grown < 160 << 10)) || fail "grew by $grown KiB"
	echo "profiler: grew by $grown KiB" >&2
	flooded "${url##*:}" "${playground[@]}"
	((grown < 160 << 10)) || fail "the playground grew by $grown KiB"
	echo "playground: grew by $grown KiB" >&2
	prof "/debug/snapshots?every=0" -X PUT "${curl[@]}" | jq -e . >/dev/null
	prof /debug/snapshots "${curl[@]}" >"$work/list"
	for id in $(jq '.snapshots[].id' "$work/list"); do
		prof "/debug/snapshots/$id" -X DELETE "${curl[@]}"
	done
	get /reset -X POST "${curl[@]}" >/dev/null
	wait_for 10 is_back "$before" || fail "after 10 s, $(($(rss) - before)) KiB are left"
	echo "$(($(rss) - before)) KiB are left" >&2
	ended
}

test_flood() {
	: "a flood of every route in every state of a connection is bounded, and leaves nothing behind"
	[[ -z ${SANITIZE:-} ]] || skip "a sanitizer's runtime keeps what was freed"
	flood ""
}

test_flood_without_the_token() {
	: "so is one of clients that do not have the token"
	[[ -z ${SANITIZE:-} ]] || skip "a sanitizer's runtime keeps what was freed"
	secret "$token"
	flood "" --token-file "$work/token"
}

test_flood_with_the_token() {
	: "and one of clients that have it"
	[[ -z ${SANITIZE:-} ]] || skip "a sanitizer's runtime keeps what was freed"
	secret "$token"
	flood "$token" --token-file "$work/token"
}

test_every_route() {
	: "no route of the profiler is left out of the flood"
	local method path route found routes=0
	while read -r method path; do
		found=
		routes=$((routes + 1))
		for route in "${profiler[@]}"; do
			# shellcheck disable=SC2053
			[[ ${route%%\?*} != "$method "$path ]] || found=1
		done
		[[ $found ]] || fail "$method $path is not flooded"
	done < <(sed -n '/^} routes\[\] = {/,/^};/p' profiler/serve/route.c | tr '\n' ' ' | grep -oE '\{(GET|POST|PUT|DELETE), +"[^"]*"' | tr -d '{",' | tr -s ' ')
	((routes >= 20)) || fail "only $routes routes were found"
}

run_tests
