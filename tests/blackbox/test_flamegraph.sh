#!/bin/bash
# How a flame graph is asked for, and what a browser is told beside it. What it looks like is looked at
# in tests/browser/test_flamegraph.py.
# shellcheck shell=bash disable=SC2317,SC2119
. tests/blackbox/lib.sh

sha256() { sha256sum | cut -c 1-64 | tr a-f A-F | basenc -d --base16 | base64; }

test_choices() {
	: "granularity and color are known wherever a format is, and refused with a reason where they mean nothing"
	serve
	local where bad
	prof /debug/snapshots -X POST >"$work/snapshot"
	for where in pprof/threads snapshots/1/threads 'diff?from=1&profile=threads' 'pprof/profile?seconds=1'; do
		[[ $where == *\?* ]] && where+='&' || where+='?'
		prof "/debug/${where}format=svg&granularity=line&color=library" >"$work/svg"
		xmllint --nonet --noout "$work/svg"
	done
	prof "/debug/pprof/threads?format=folded&granularity=line" >"$work/folded"
	grep -Eq '^(.*;)?[^ ;]+_\([^ ;/]+:[0-9]+\)(;[^ ]*)? [0-9]+$' "$work/folded" || fail "no line: $(<"$work/folded")"
	for bad in 'granularity=line' 'color=library' 'format=text&granularity=function' 'format=folded&color=library' \
		'format=svg&granularity=file' 'format=svg&color=red' 'debug=1&granularity=line' 'format=svg&color=library&color=library'; do
		equal "status of $bad" "$(code GET "$pprof/debug/pprof/threads?$bad")" 400
		grep -Eq 'granularity|color' "$work/body" || fail "$bad: $(<"$work/body")"
	done
	contains "$(prof '/debug/pprof/threads?granularity=line')" "granularity does not apply to pprof; formats that use it: folded, svg"
	contains "$(prof '/debug/pprof/threads?format=svg&color=red')" 'unknown color "red"; there are: standard, library'
}

test_policy() {
	: "a flame graph's own style and script are what its policy allows, and nothing else is; other formats have none"
	serve
	code GET "$pprof/debug/pprof/threads?format=svg" >/dev/null
	local policy
	policy=$(sed -n 's/^Content-Security-Policy: //p' "$work/headers" | tr -d '\r')
	xmllint --xpath '//*[local-name()="style"]/text()' "$work/body" | sed '1s/^<!\[CDATA\[//; $s/\]\]>$//' | head -c -1 >"$work/css"
	equal policy "$policy" "default-src 'none'; script-src 'sha256-$(sha256 <profiler/write/flamegraph.js)'; style-src 'sha256-$(
		sha256 <profiler/write/flamegraph.css
	)'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
	cmp "$work/css" profiler/write/flamegraph.css
	equal "HEAD" "$(code HEAD "$pprof/debug/pprof/threads?format=svg")" 200
	grep -q '^Content-Security-Policy: ' "$work/headers"
	code GET "$pprof/debug/pprof/threads?format=json" >/dev/null
	! grep -qi '^Content-Security-Policy: ' "$work/headers" || fail "$(<"$work/headers")"
}

run_tests
