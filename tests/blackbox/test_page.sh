# The playground's page as a client without a screen sees it: its files, their headers, the labs as HTML.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

header() { # NAME: of the last answer
	tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip"
}

# files: what the page loads, and what its modules load.
files() {
	{
		get / | grep -oE '(href|src)="/ui/[^"]*"' | cut -d'"' -f2
		local file
		for file in server/ui/*.js; do
			grep -oE "'\./[a-z]+\.js'" "$file" | tr -d "'" | sed 's|^\./|/ui/|'
		done
	} | sort -u
}

source_of() { # FILE: the playground's own, or one that the dashboard has too
	[[ -e server$1 ]] && echo "server$1" || echo "profiler$1"
}

safe() { # WHERE: nothing inline, nothing foreign
	local policy
	policy=$(header Content-Security-Policy)
	contains "$policy" "default-src 'none'"
	[[ $policy != *unsafe* && $policy != *\** ]] || fail "$1: $policy"
	contains "$policy" "frame-ancestors 'none'"
	equal "sniffing of $1" "$(header X-Content-Type-Options)" nosniff
}

test_files() {
	: "the page and all it loads are served, may be kept while they are the same, and let nothing inline or foreign in"
	serve
	local file tag n=0
	for file in / $(files); do
		equal "$file" "$(code GET "$url$file")" 200
		safe "$file"
		equal "cache of $file" "$(header Cache-Control)" no-cache
		tag=$(header ETag)
		[[ $tag == '"'*'"' ]] || fail "$file: no strong ETag: $tag"
		[[ $file == / ]] || cmp "$work/body" "$(source_of "$file")"
		cp "$work/body" "$work/plain"
		equal "$file, compressed" "$(code GET "$url$file" --compressed)" 200
		equal "encoding of $file" "$(header Content-Encoding)" gzip
		cmp "$work/body" "$work/plain"
		! grep -nE '(https?:)?//[a-z0-9-]+\.[a-z]' "$work/body" | grep -v 'http://www.w3.org/' || fail "$file names another site"
		equal "$file again" "$(code GET "$url$file" -H "If-None-Match: $tag")" 304
		equal "nothing in it" "$(header ETag)" "$tag"
		equal "$file, another" "$(code GET "$url$file" -H 'If-None-Match: "0"')" 200
		equal "POST $file" "$(code POST "$url$file")" 405
		equal "from another site: $file" "$(code GET "$url$file" -H 'Sec-Fetch-Site: cross-site')" 403
		n=$((n + 1))
	done
	equal "files in all" "$n" "$(($(find server/ui -type f | wc -l) + 2))"
	code GET "$url/" >"$work/null"
	equal type "$(header Content-Type)" "text/html; charset=utf-8"
	contains "$(header Content-Security-Policy)" "script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; frame-src http://127.0.0.1:${pprof##*:} http://localhost:${pprof##*:}"
	code GET "$url/ui/app.js" >"$work/null"
	equal type "$(header Content-Type)" "text/javascript; charset=utf-8"
	equal icon "$(code GET "$url/favicon.ico")" 200
	equal "none such" "$(code GET "$url/ui/none.js")" 404
	jq -e .error "$work/body"
	equal "no way out" "$(code GET "$url/ui/..%2fmain.c" --path-as-is)" 404
	equal parameters "$(code GET "$url/ui/app.js?v=1")" 400
}

test_stats() {
	: "/stats says where the profiler is and whether it asks for a token, as the page does for its files"
	serve
	equal "without" "$(get /stats | jq -c '.profiler | [.url, .needs_token]')" "[\"$pprof\",false]"
	stop_server
	secret a-secret-of-some-length
	serve --token-file "$work/token"
	equal "with one" "$(get /stats -u me:a-secret-of-some-length | jq -c '.profiler.needs_token')" true
	equal page "$(code GET "$url/")" 401
	equal file "$(code GET "$url/ui/app.js")" 401
	equal "page, by the password" "$(code GET "$url/" -u me:a-secret-of-some-length)" 200
}

test_format() {
	: "a lab is Markdown unless a client prefers HTML or ?format= says so"
	serve
	local lab=$url/scenes/slice/lab
	code GET "$lab" >"$work/null"
	equal default "$(header Content-Type)" "text/markdown; charset=utf-8"
	equal vary "$(header Vary)" Accept
	cmp "$work/body" leaks/slice.md
	code GET "$lab" -H 'Accept: text/html,application/xhtml+xml,*/*;q=0.8' >"$work/null"
	equal browser "$(header Content-Type)" "text/html; charset=utf-8"
	safe "$lab"
	code GET "$lab" -H 'Accept: text/markdown, text/html;q=0.5' >"$work/null"
	equal "a reader of Markdown" "$(header Content-Type)" "text/markdown; charset=utf-8"
	code GET "$lab?format=html" >"$work/null"
	equal html "$(header Content-Type)" "text/html; charset=utf-8"
	code GET "$lab?format=markdown" -H 'Accept: text/html' >"$work/null"
	equal markdown "$(header Content-Type)" "text/markdown; charset=utf-8"
	local query
	for query in format=pdf format format= 'format=html&format=html' 'format=html&n=1' n=1; do
		equal "$query" "$(code GET "$lab?$query")" 400
		jq -e '.error and .parameter' "$work/body"
	done
}

test_labs() {
	: "every lab is well-formed HTML with its parts, three hints that exclude each other, the answer folded away, and no markup of its own"
	serve
	local id title n=0
	while IFS=$'\t' read -r id title; do
		get "/scenes/$id/lab?format=html" >"$work/lab.html"
		xmllint --nonet --html --noout "$work/lab.html" 2>"$work/complaints" || true
		! grep -E 'error' "$work/complaints" | grep -vE 'Tag (article|section|details|summary) invalid' || fail "$id: $(<"$work/complaints")"
		contains "$(<"$work/lab.html")" "<title>$title · Leakyard</title>"
		equal "parts of $id" "$(grep -c '<h2>' "$work/lab.html")" "$(grep -c '^## ' "leaks/$id.md")"
		equal "hints of $id" "$(grep -c '<details name="hints">' "$work/lab.html")" 3
		equal "folded in $id" "$(grep -A1 '<details class="part">' "$work/lab.html" | grep -c '<summary><h2>')" 2
		! grep -E 'raw HTML omitted|<script|javascript:| on[a-z]+=' "$work/lab.html" || fail "$id: raw HTML"
		n=$((n + 1))
	done < <(get /scenes | jq -r '.scenes[] | [.id, .title] | @tsv')
	equal labs "$n" "$(grep -vc '^#' tests/blackbox/catalogue.tsv)"
}

test_addresses() {
	: "commands in a lab as HTML name this server's addresses, and other numbers stay as they are"
	serve
	local id text
	for id in $(get /scenes | jq -r '.scenes[].id'); do
		text=$(get "/scenes/$id/lab?format=html")
		equal "playground in $id" "$(grep -o '127.0.0.1:8080' "leaks/$id.md" | wc -l)" "$(grep -ow "${url#http://}" <<<"$text" | wc -l)"
		equal "profiler in $id" "$(grep -o '127.0.0.1:6060' "leaks/$id.md" | wc -l)" "$(grep -ow "${pprof#http://}" <<<"$text" | wc -l)"
		text=${text//${url##*:}/} text=${text//${pprof##*:}/}
		! grep -w -e 8080 -e 6060 <<<"$text" || fail "$id names another port"
		equal "numbers in $id" "$(grep -oE '[0-9]+(8080|6060)|(8080|6060)[0-9]+' <<<"$text")" "$(grep -oE '[0-9]+(8080|6060)|(8080|6060)[0-9]+' "leaks/$id.md")"
	done
}

run_tests
