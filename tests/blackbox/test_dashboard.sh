# The dashboard as a client without a screen sees it: its files, and who gets them.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

header() { # NAME: of the last answer
	tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip"
}

# files: what the page loads, and what that loads.
files() {
	{
		echo /
		prof / | grep -oE '(href|src)="/[^"]*"' | cut -d'"' -f2 | grep '^/ui/'
		local file
		for file in $(prof /ui/app.js | grep -oE "'\./[^']*'" | tr -d "'" | cut -c3-); do
			echo "/ui/$file"
			prof "/ui/$file" | grep -oE "^import .*'\./[^']*'" | grep -oE "[^/]*\.js" | sed 's|^|/ui/|'
		done
	} | sort -u
}

test_page() {
	: "the page and all it loads are served whole, packed or plain, under a policy that lets nothing inline or foreign in"
	serve
	local file policy tag size=0 packed
	for file in $(files); do
		equal "$file" "$(code GET "$pprof$file" --compressed -w '%{size_download} %{http_code}' | tee "$work/size" | cut -d' ' -f2)" 200
		size=$((size + $(cut -d' ' -f1 "$work/size")))
		equal "encoding of $file" "$(header Content-Encoding)" gzip
		cp "$work/body" "$work/unpacked"
		tag=$(header ETag)
		[[ $tag == '"'*'"' ]] || fail "$file: no strong ETag: $tag"
		equal "cache of $file" "$(header Cache-Control)" no-cache
		equal "sniffing of $file" "$(header X-Content-Type-Options)" nosniff
		policy=$(header Content-Security-Policy)
		contains "$policy" "default-src 'none'; script-src 'self'; style-src 'self'"
		[[ $policy != *unsafe* ]] || fail "$policy"
		equal "$file again" "$(code GET "$pprof$file" --compressed -H "If-None-Match: $tag")" 304
		equal "$file in other words" "$(code GET "$pprof$file" -H "If-None-Match: $tag")" 200
		equal "encoding of $file, plain" "$(header Content-Encoding)" ""
		cmp "$work/body" "$work/unpacked"
		packed=$(code GET "$pprof$file" -H 'Accept-Encoding: br, gzip;q=0' && header Content-Encoding)
		equal "$file, not packed please" "$packed" 200
		equal "HEAD $file" "$(code HEAD "$pprof$file")" 200
	done
	[[ $size -gt 20000 && $size -lt $((500 * 1024)) ]] || fail "$size bytes in all"
	code GET "$pprof/" >/dev/null
	equal type "$(header Content-Type)" "text/html; charset=utf-8"
	code GET "$pprof/ui/app.js" >/dev/null
	equal type "$(header Content-Type)" "text/javascript; charset=utf-8"
	for file in $(files | grep -vE 'chart.js|licence'); do
		! prof "$file" | grep -nE '(https?:)?//[a-z0-9-]+\.[a-z]' | grep -v 'http://www.w3.org/' || fail "$file names another site"
	done
	contains "$(prof /ui/licence.txt)" "Chart.js Contributors"
	contains "$(prof /ui/chart.js)" "Chart.js v"
	equal icon "$(code GET "$pprof/favicon.ico")" 200
	equal "unknown file" "$(code GET "$pprof/ui/none.js")" 404
	jq -e .error "$work/body"
	equal "a file is not changed" "$(code DELETE "$pprof/ui/app.js")" 405
	equal "view in the address" "$(code GET "$pprof/?view=live")" 200
	equal index "$(code GET "$pprof/debug/pprof/")" 200
}

test_gate() {
	: "the token holds for the page, its files and its stream; our own page may change things under each name of this machine, others' not"
	secret a-secret-of-some-length
	serve --token-file "$work/token"
	local path name port=${pprof##*:}
	for path in / /ui/app.js /ui/chart.js /favicon.ico /debug/live; do
		equal "$path without it" "$(code HEAD "$pprof$path")" 401
		equal "$path with it" "$(code HEAD "$pprof$path" -H 'Authorization: Bearer a-secret-of-some-length')" 200
		equal "$path with a password" "$(code HEAD "$pprof$path" -u me:a-secret-of-some-length)" 200
	done
	for name in 127.0.0.1 localhost '[::1]'; do
		equal "POST as $name" "$(code POST "$pprof/debug/snapshots" -u me:a-secret-of-some-length -H "Host: $name:$port" \
			-H "Origin: http://$name:$port" -H 'Sec-Fetch-Site: same-origin')" 201
		equal "PUT as $name" "$(code PUT "$pprof/debug/rate?bytes=4096" -u me:a-secret-of-some-length -H "Host: $name:$port" \
			-H "Origin: http://$name:$port" -H 'Sec-Fetch-Site: same-origin')" 200
	done
	equal "DELETE" "$(code DELETE "$pprof/debug/snapshots/1" -u me:a-secret-of-some-length -H "Origin: $pprof")" 204
	equal "another origin" "$(code POST "$pprof/debug/snapshots" -u me:a-secret-of-some-length -H 'Origin: http://127.0.0.1:1')" 403
	equal "another site" "$(code GET "$pprof/debug/live" -u me:a-secret-of-some-length -H 'Sec-Fetch-Site: cross-site')" 403
	equal "a frame of another port" "$(code GET "$pprof/?view=live" -u me:a-secret-of-some-length -H 'Sec-Fetch-Site: same-site')" 200
	contains "$(header Content-Security-Policy)" "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"
}

test_preloaded() {
	: "a preloaded program has the dashboard, and the index leads to it"
	preload 1 sleep 60
	contains "$(prof /)" "<title>leakprof</title>"
	contains "$(prof /debug/pprof/)" "href='/'"
	ended
}

run_tests
