# Descriptors: what the profile says of them, against the program that opened them and the kernel.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# start: a program with one of every kind; what it says of each is in $work/made.
start() {
	needs_preload
	built fixtures
	mkfifo "$work/orders"
	exec {orders}<>"$work/orders"
	mkdir "$work/here"
	preload 524288 "$build/fixtures/descriptors" "$work/here" <"$work/orders"
	wait_for 20 grep -q '^ready' "$work/out"
	grep $'\t' "$work/out" | sort -n >"$work/made"
}

grow() { # N: until it has grown so often
	echo >&"$orders"
	wait_for 20 grew "$1"
}
grew() { [[ $(grep -c '^more' "$work/out") -ge $1 ]]; }

items() { # FILTER
	prof "/debug/pprof/fds?format=json" | jq -r ".items[] | $1 | @tsv"
}

test_rows() {
	: "every open descriptor is shown once, with its kind, under the function that opened it"
	start
	items '[.id, .name, .stack[0].function]' | awk -F '\t' -v OFS='\t' '$1 > 2 { sub(/^\[.*/, "?", $3); print }' | sort -n >"$work/shown"
	diff "$work/made" "$work/shown" >"$work/diff" || fail "$(<"$work/diff")"
	items '[.id]' | sort -n >"$work/shown"
	find "/proc/$pid/fd" -mindepth 1 -printf '%f\n' | sort -n >"$work/open"
	diff "$work/open" "$work/shown" >"$work/diff" || fail "$(<"$work/diff")"
	# By kind and function, as the samples add them up; the first three were there before.
	prof "/debug/pprof/fds?format=json" | jq -r '.samples[] | [.values[0], .label.kind, .stack[0].function] | @tsv' |
		awk -F '\t' -v OFS='\t' '$3 ~ /^\[/ { next } { n[$2 OFS $3] += $1 } END { for (i in n) print n[i], i }' | sort >"$work/shown"
	cut -f 2- "$work/made" | grep -v $'\t?$' | sort | uniq -c | sed -E 's/^ *([0-9]+) /\1\t/' | sort >"$work/wanted"
	diff "$work/wanted" "$work/shown" >"$work/diff" || fail "$(<"$work/diff")"
	ended
}

# of_ss: what ss says of this program's sockets, a line for each descriptor: number, state, queues, addresses.
of_ss() {
	ss -H "$@" | awk -v pid="pid=$pid," '
		{ n = split($0, user, /\(/)
		  for (i = 1; i <= n; i++)
			if (index(user[i], pid)) {
				fd = user[i]; sub(/.*fd=/, "", fd); sub(/[^0-9].*/, "", fd)
				print fd, $0
			} }' | sort -n
}

test_tcp() {
	: "TCP sockets are as ss has them: states, queues, addresses, backlog"
	command -v ss >/dev/null || fail "ss is not installed: scripts/deps test"
	start
	wait_for 20 tcp_is_the_same # what was sent last may not be acknowledged yet
	equal sockets "$(wc -l <"$work/shown")" 46
	equal backlog "$(grep -c ' LISTEN 1 of 77 ' "$work/shown")" 1
	equal "left by their peers" "$(grep -c ' CLOSE-WAIT ' "$work/shown")" 1
	equal "half read" "$(grep -c ' ESTABLISHED 4000 0 ' "$work/shown")" 1
	ended
}
tcp_is_the_same() {
	of_ss -tanp | awk '
		$2 == "LISTEN" { print $1, $2, $3 " of " $4, $5; next }
		{ sub(/^ESTAB$/, "ESTABLISHED", $2); print $1, $2, $3, $4, $5, $6 }' >"$work/ss"
	items 'select(.name == "tcp socket") | [.id, .state]' | sort -n | sed -nE '
		s/^([0-9]+)\t([^ ,]+), LISTEN, backlog ([0-9]+ of [0-9]+).*/\1 LISTEN \3 \2/p
		s/^([0-9]+)\t([^ ,]+) -> ([^ ,]+), ([-A-Z0-9]+), Recv-Q ([0-9]+) B, Send-Q ([0-9]+) B.*/\1 \4 \5 \6 \2 \3/p' >"$work/shown"
	diff "$work/ss" "$work/shown" >"$work/diff"
}

test_unix() {
	: "Unix sockets are as ss has them, with their queues"
	command -v ss >/dev/null || fail "ss is not installed: scripts/deps test"
	start
	of_ss -xanp | awk '{ print $1, $4, $5 }' >"$work/ss"
	items 'select(.name == "unix socket") | [.id, .state]' | sort -n |
		sed -nE 's/^([0-9]+)\t.*Recv-Q ([0-9]+) B, Send-Q ([0-9]+) B.*/\1 \2 \3/p' >"$work/shown"
	diff "$work/ss" "$work/shown" >"$work/diff" || fail "$(<"$work/diff")"
	equal sockets "$(wc -l <"$work/shown")" 2
	ended
}

test_behind_one() {
	: "what grows behind one descriptor grows in the difference, though no descriptor is added there"
	start
	local diff
	snapshot before >"$work/null"
	grow 1
	diff="/debug/diff?profile=fds&from=1&to=now"
	behind() { prof "$diff&format=json$1" | jq -c "[.samples[] | select(.label.kind == \"$2\") | .values | [.[0], .[3]]]"; }
	equal epoll "$(behind "" epoll)" '[[0,50]]'
	equal inotify "$(behind "" inotify)" '[[0,30]]'
	equal "growth" "$(behind "&sign=growth&value=registered" epoll)" '[[0,50]]'
	equal "no growth of descriptors" "$(behind "&sign=growth" epoll)" '[]'
	contains "$(prof "$diff&format=folded&value=registered&sign=growth")" "main;make_epoll 50"
	grow 2
	equal "again" "$(behind "" inotify)" '[[0,60]]'
	items 'select(.name == "epoll") | [.state, .values[3]]' >"$work/epoll"
	equal "by itself" "$(<"$work/epoll")" $'100 registered\t100'
	ended
}

test_pprof() {
	: "go tool pprof shows each of the values, and descriptors unless told otherwise"
	start
	prof /debug/pprof/fds -o "$work/fds.gz"
	top() { go tool pprof -top -unit=minimum "$@" "$work/fds.gz" 2>"$work/null"; }
	contains "$(top)" "Type: fds"
	[[ $(top) =~ \ +23\ .*\ connect_there ]] || fail "no 23 connections: $(top)"
	[[ $(top -sample_index=queued) =~ 4000B?\ .*\ accept_one ]] || fail "nothing queued: $(top -sample_index=queued)"
	[[ $(top -sample_index=idle) =~ [1-9][0-9]*(ns|us|ms|s)?\ .*\ connect_there ]] || fail "nothing idle: $(top -sample_index=idle)"
	contains "$(top -sample_index=registered)" "Type: registered"
	contains "$(go tool pprof -traces "$work/fds.gz" 2>"$work/null")" "kind:  unix socket"
	ended
}

test_each_by_itself() {
	: "debug=2 has a paragraph for each descriptor, and tells what is wrong with it"
	start
	local text
	text=$(prof "/debug/pprof/fds?debug=2")
	equal paragraphs "$(grep -cE '^fd [0-9]+ \[' <<<"$text")" "$(find "/proc/$pid/fd" -mindepth 1 | wc -l)"
	grep -Eq '^fd [0-9]+ \[tcp socket\] .*, CLOSE-WAIT, .*, no keepalive, idle .*, open ' <<<"$text" || fail "no CLOSE-WAIT: $text"
	grep -Eq '^fd [0-9]+ \[tcp socket\] .* last byte in [0-9.]+ m?s ago, none out, .*queued 3.91 KiB' <<<"$text" || fail "no queue: $text"
	ended
}

run_tests
