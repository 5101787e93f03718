# The playground's routes and what they refuse.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# refused STATUS METHOD PATH [CURL...]: that status, JSON with `error`, and nothing held afterwards.
refused() {
	local wanted=$1 method=$2 path=$3 got
	shift 3
	got=$(code "$method" "$url$path" --path-as-is "$@")
	equal "$method ${path:0:80} $*" "$got" "$wanted"
	[[ $method == HEAD ]] || said_why
	equal "held after $method $path" "$(held)" "$nothing"
}

test_catalogue() {
	: "/scenes lists every scene with what the design promises"
	serve
	equal ids "$(get /scenes | jq -c '[.scenes[].id]')" "$(grep -v '^#' tests/blackbox/catalogue.tsv | cut -f1 | jq -Rnc '[inputs]')"
	get /scenes | jq -e '[.scenes[] | .title, .lesson, .resource, .signature, .parameters | length > 0] | all'
	get /scenes | jq -e '[.scenes[] | select(.resource != "none" and .resource != "unused") | .guilty_function | length > 0] | all'
}

# asks METHOD PATH: a request for curl -K, on descriptor 3. The status follows the body.
asks() {
	printf 'url = "%s"\nrequest = %s\nmax-time = 60\nsilent\nshow-error\nwrite-out = "\\n%%{http_code}\\n"\nnext\n' "$url/$2?n=2" "$1" >&3
}

test_triggers() {
	: "each scene answers both ways, by GET and POST, and says what it holds"
	local scene method
	serve
	for scene in $(get /scenes | jq -r '.scenes[].id'); do
		for method in GET POST; do
			asks "$method" "leak/$scene" && echo "200 $scene leak: leak triggered, held true"
			asks "$method" "fixed/$scene" && echo "200 $scene fixed"
		done
	done >"$work/wanted" 3>"$work/requests"
	[[ $(wc -l <"$work/wanted") -ge 100 ]] || fail "only $(wc -l <"$work/wanted") requests"
	curl -K <(sed '$d' "$work/requests") >"$work/answers" # without the last "next"
	jq -rn '[inputs] | range(0; length; 2) as $i | .[$i] as $body | "\(.[$i + 1]) \($body.scene) \($body.variant)"
		+ if $body.variant == "leak" then ": \($body.status), held \($body.held | has("bytes"))" else "" end' "$work/answers" >"$work/got"
	diff "$work/wanted" "$work/got"
	equal hits "$(get /stats | jq -c '.scenes.slice | [.leak_hits, .fixed_hits]')" '[4,4]'
}

test_stats() {
	: "/stats has every figure that the design names"
	serve
	get /stats | jq -e 'has("heap_inuse_bytes") and has("heap_inuse_objects") and has("heap_alloc_bytes")
		and has("heap_alloc_objects") and has("rss_bytes") and has("threads") and has("fds")
		and has("sockets") and has("mapped_bytes") and has("malloc_arena_bytes") and has("malloc_free_bytes")
		and (.profiler | has("losses")) and (.scenes.slice | has("leak_hits") and has("fixed_hits")
		and has("held_bytes") and has("held_objects") and has("held_threads") and has("held_fds"))'
	equal healthz "$(get /healthz)" '{"status":"ok"}'
	contains "$(get /)" "<html"
}

test_bad_parameters() {
	: "a bad, repeated or unknown parameter is a 400 that changes nothing"
	serve
	nothing=$(held)
	local query
	for query in n=-1 n=0 n=99999999999 n=99999999999999999999999999 n= n=1.5 n=0x10 n=+1 n=%201 n=1%00 \
		size=abc size=0 size=-5 size=99999999999999 'n=1&n=2' 'n=1&n=1' 'size=2048&size=2048' bogus=1 \
		'n=1&bogus=2' '%zz=1' n=%zz n=% n=%1 'n=1%'; do
		refused 400 GET "/leak/slice?$query"
		refused 400 POST "/fixed/slice?$query"
	done
	refused 400 GET "/leak/thread?size=4096"
	refused 400 GET "/fixed/healthy?n=10000&size=16777216" # a loop would be busy for half a minute
	get "/leak/slice?bogus=1" | jq -e '.parameter == "bogus"'
	refused 400 POST /leak/slice --data 'n=5'
}

test_bad_paths() {
	: "unknown paths and scenes are 404, bad escapes in a path 400"
	serve
	nothing=$(held)
	refused 404 GET /leak/nosuch
	get /leak/nosuch | jq -e '.error == "scene not found" and (.scenes | index("slice"))'
	refused 404 GET /nowhere
	refused 404 GET /leak/
	refused 404 GET /leak
	refused 404 GET /leak/slice/more
	refused 404 POST /reset/nosuch
	refused 400 GET /leak/%zz
	refused 400 GET /leak/slice%
	refused 404 GET /leak/..%2fslice
}

test_bad_methods() {
	: "HEAD, unknown and unfit methods are 405 and say what is allowed"
	serve
	nothing=$(held)
	local method
	for method in HEAD PUT DELETE PATCH OPTIONS TRACE BREW; do
		refused 405 "$method" /leak/slice
		contains "$(tr -d '\r' <"$work/headers")" "Allow: GET, POST"
	done
	refused 405 GET /reset
	refused 405 POST /stats
}

test_too_long() {
	: "over-long URLs, headers and bodies are 4xx and change nothing"
	serve
	nothing=$(held)
	local long status
	long=$(head -c 20000 /dev/zero | tr '\0' a)
	refused 414 GET "/leak/slice?n=$long"
	refused 414 GET "/leak/$long"
	refused 431 GET /leak/slice -H "X-Long: $long"
	head -c 2000000 /dev/zero >"$work/big"
	equal "who asks before sending 2 MB" \
		"$(code POST "$url/leak/slice" --data-binary "@$work/big" -H 'Expect: 100-continue' --expect100-timeout 10)" 413
	jq -e .error "$work/body"
	# Who does not ask may find the connection closed while still sending, before it can read the answer.
	status=$(code POST "$url/leak/slice" --data-binary "@$work/big" -H 'Expect:' || true)
	[[ $status == 413* || $status == 000* ]] || fail "status $status for a body of 2 MB"
	equal held "$(held)" "$nothing"
}

test_garbage() {
	: "what is not HTTP is answered with 4xx or closed, and the server lives on"
	serve
	nothing=$(held)
	local line port=${url##*:}
	for line in 'GET' 'GET /leak/slice' $'\x01\x02\x03' 'GET /leak/slice HTTP/9.9' 'GET  /leak/slice  HTTP/1.1' \
		'POST /leak/slice HTTP/1.1\r\nContent-Length: -1' 'POST /leak/slice HTTP/1.1\r\nContent-Length: x'; do
		exec 3<>"/dev/tcp/127.0.0.1/$port"
		printf '%b\r\n\r\n' "$line" >&3
		timeout 2 head -c 4000 <&3 >"$work/answer" || true
		exec 3>&-
		[[ ! -s $work/answer ]] || ! grep -aq '^HTTP/1.. [25]' "$work/answer" ||
			fail "'$line' was answered: $(head -n 1 "$work/answer")"
	done
	equal held "$(held)" "$nothing"
}

test_other_sites() {
	: "requests that another site's page makes are 403"
	serve
	nothing=$(held)
	refused 403 POST /leak/slice -H 'Origin: http://evil.example'
	refused 403 POST /leak/slice -H 'Origin: null'
	refused 403 GET /leak/slice -H 'Sec-Fetch-Site: cross-site'
	refused 403 GET /leak/slice -H 'Host: evil.example'
	equal "same origin" "$(code POST "$url/leak/healthy" -H "Origin: $url" -H 'Sec-Fetch-Site: same-origin')" 200
	equal "other origin" "$(code GET "$pprof/debug/pprof/heap" -H 'Host: evil.example')" 403
	equal "other origin" "$(code POST "$pprof/debug/snapshots" -H 'Origin: http://evil.example')" 403
}

test_older_browsers() {
	: "an <img> of an older browser, which says nothing of its page, triggers no leak, and may still look"
	serve
	nothing=$(held)
	local older='Mozilla/5.0 (X11; Linux x86_64; rv:78.0) Gecko/20100101 Firefox/78.0'
	refused 403 GET /leak/slice -A "$older" -H 'Accept: image/webp,*/*' -e http://evil.example/
	refused 403 GET /fixed/slice -A "$older"
	refused 403 POST /leak/slice -A "$older"
	refused 403 POST /reset -A "$older"
	refused 403 GET /leak/slice -A AppleCoreMedia/1.0.0 -H 'Accept-Language: en-us'
	contains "$(jq -r .error "$work/body")" "Sec-Fetch-Site"
	equal "the page" "$(code GET "$url/" -A "$older")" 200
	equal "the page's request" "$(code POST "$url/leak/healthy" -A "$older" -H "Origin: $url")" 200
	equal "an address that was typed" "$(code GET "$url/leak/healthy" -A "$older" -H 'Sec-Fetch-Site: none')" 200
	equal "a tool" "$(code GET "$url/leak/healthy" -A '')" 200
	equal "the profiler" "$(code POST "$pprof/debug/snapshots" -A "$older")" 403
	equal "the profiler's page" "$(code POST "$pprof/debug/snapshots" -A "$older" -H "Origin: $pprof")" 201
	equal "a profile" "$(code GET "$pprof/debug/pprof/heap" -A "$older")" 200
}

test_budget() {
	: "past the budget a leak route answers 507, all or nothing, until it is reset"
	serve --budget-mem 1M --budget-threads 10 --budget-fds 10
	nothing=$(held)
	refused 507 GET "/leak/slice?n=20"
	refused 507 GET "/leak/thread?n=11"
	refused 507 GET "/leak/client?n=11"
	contains "$(get "/leak/client?n=11")" "reset"
	equal "within it" "$(code GET "$url/leak/thread?n=10")" 200
	equal "threads held" "$(get /stats | jq .scenes.thread.held_threads)" 10
	equal "past it" "$(code GET "$url/leak/thread")" 507
	equal "still served" "$(code GET "$url/healthz")" 200
	equal "drained" "$(get /reset -X POST | jq .drained.thread.threads)" 10
	equal "held" "$(held)" "$nothing"
	equal "after the reset" "$(code GET "$url/leak/thread")" 200
}

test_reset() {
	: "/reset gives everything back: threads and descriptors are where they were"
	serve
	before=$(get /stats | jq -c '[.threads, .fds]')
	get "/leak/slice?n=10" >"$work/null"
	get "/leak/thread?n=50" >"$work/null"
	get "/leak/client?n=50" >"$work/null"
	equal "one scene" "$(get /reset/client -X POST | jq -c '[.drained.client.fds, (.drained | keys)]')" '[50,["client"]]'
	get /reset -X POST | jq -e '.drained.slice.objects >= 10 and .drained.thread.threads == 50'
	wait_for 10 as_before
}

as_before() { # a thread that has been joined leaves the kernel's list a moment later
	[[ $(get /stats | jq -c '[.threads, .fds]') == "$before" ]]
}

test_truth() {
	: "what slice says it holds is what the heap grew by, within 2 %"
	needs_heap
	serve --rate 1 --threads 1
	get /stats >"$work/null"
	local before after held
	before=$(get /stats | jq .heap_inuse_bytes)
	get "/leak/slice?n=1000&size=1024" >"$work/null"
	after=$(get /stats | jq .heap_inuse_bytes)
	held=$(get /stats | jq .scenes.slice.held_bytes)
	[[ $(((after - before - held) * 50)) -lt $held && $(((held - after + before) * 50)) -lt $held ]] ||
		fail "held $held, heap grew by $((after - before))"
}

test_few_descriptors() {
	: "out of descriptors it stays quiet, the profiler answers, and it recovers"
	[[ ${SANITIZE:-} != thread ]] || skip "under ThreadSanitizer the profiler shares the program's descriptors"
	(
		ulimit -n 64
		exec "$build/leakyard" --threads 2 --listen 127.0.0.1:0 --pprof 127.0.0.1:0
	) >"$work/out" 2>"$work/err" &
	pid=$!
	wait_for 20 started
	url=$(sed -n 1p "$work/out" | grep -o 'http://[^/ ]*')
	pprof=$(sed -n 2p "$work/out" | grep -o 'http://[^/ ]*')
	local fd held=()
	for _ in $(seq 60); do
		exec {fd}<>"/dev/tcp/127.0.0.1/${url##*:}"
		held+=("$fd")
	done
	equal profiler "$(code GET "$pprof/debug/pprof/fds")" 200
	equal "and again" "$(code GET "$pprof/debug/pprof/fds")" 200
	for fd in "${held[@]}"; do
		exec {fd}>&-
	done
	equal recovered "$(code GET "$url/healthz")" 200
	[[ $(wc -l <"$work/err") -lt 20 ]] || fail "$(wc -l <"$work/err") lines on standard error"
}

test_reset_under_load() {
	: "resets while all scenes leak under wrk neither crash nor lose count"
	serve --budget-mem 256M --budget-threads 200 --budget-fds 400
	local scene pids=()
	for scene in slice thread client; do
		wrk -t1 -c4 -d2s "$url/leak/$scene" >"$work/wrk-$scene" &
		pids+=($!)
	done
	while kill -0 "${pids[0]}" 2>/dev/null; do
		get /reset -X POST >"$work/null"
	done
	wait "${pids[@]}"
	wait_for 10 idle
	get /reset -X POST >"$work/null"
	equal held "$(get /stats | jq -c '[.scenes[] | .held_bytes + .held_threads + .held_fds] | add')" 0
	equal budget "$(get /stats | jq -c '.budget.used | [.bytes, .threads, .fds]')" '[0,0,0]'
}

run_tests
