# Where a preloaded process is served: Unix sockets, and one address for each process.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
lib=$build/libleakprof.so

# at SOCKET PATH [CURL…]: an answer over a Unix socket.
at() {
	local socket=$1 path=$2
	shift 2
	curl -sS -m 60 --unix-socket "$socket" "$@" "http://localhost$path"
}

# on SOCKET COMMAND…: starts it, served on unix:SOCKET; sets $pid.
on() {
	local socket=$1
	shift
	: >"$work/out"
	: >"$work/err" # what the last program wrote is there until the new one is started
	LD_PRELOAD=$lib LEAKPROF_LISTEN=unix:$socket "$@" <&0 >"$work/out" 2>"$work/err" &
	pid=$!
	wait_for 20 grep -q '^leakprof: ' "$work/err"
}

test_unix_socket() {
	: "a Unix socket serves its owner alone, and its file goes with the program"
	needs_preload
	mkfifo "$work/in"
	exec 9<>"$work/in"
	umask 0
	on "$work/%p.sock" bash -c 'read -r' <"$work/in" 9>&-
	local socket=$work/$pid.sock
	equal line "$(<"$work/err")" "leakprof: curl --unix-socket $socket http://localhost/debug/pprof/"
	equal mode "$(stat -c '%A' "$socket")" srw-------
	at "$socket" /debug/pprof/heap | gunzip -t
	contains "$(at "$socket" '/debug/pprof/threads?debug=2')" bash
	equal "any Host" "$(at "$socket" /debug/rate -o "$work/body" -w '%{http_code}' -H 'Host: container')" 200
	equal "another page" "$(at "$socket" /debug/rate -o "$work/body" -w '%{http_code}' -H 'Origin: http://evil.example')" 403
	echo >&9
	exec 9>&-
	wait "$pid"
	pid=
	[[ ! -e $socket ]] || fail "the file is left"
}

test_ends() {
	: "the file goes however the program ends itself, and the ends of its children do not touch it"
	needs_preload
	built fixtures
	local way
	for way in exit _exit _Exit quick_exit; do
		mkfifo "$work/in"
		exec 9<>"$work/in"
		on "$work/%p.sock" "$build/fixtures/exits" $way <"$work/in" 9>&-
		ready
		[[ -S $work/$pid.sock ]] || fail "$way: no file while it runs"
		exec 9>&-
		wait "$pid"
		pid=
		equal "left by $way" "$(find "$work" -type s | wc -l)" 0
		rm "$work/in"
	done
}

test_left_files() {
	: "files that ended processes left are removed by the next one, and no others"
	needs_preload
	local dead living=$$ file
	on "$work/a%p.sock" sleep 60
	dead=$pid
	kill -KILL "$pid"
	wait "$pid" || true
	pid=
	[[ -S $work/a$dead.sock ]] || fail "nothing was left"
	for file in "a$dead.txt" "b$dead.sock" "a$living.sock" "a0$dead.sock" "a$dead.sock.$dead"; do
		cp -a "$work/a$dead.sock" "$work/$file" 2>"$work/null" || ln "$work/a$dead.sock" "$work/$file"
	done
	: >"$work/a2$dead.sock" # a file that is no socket
	on "$work/a%p.sock" sleep 60
	[[ -S $work/a$dead.sock ]] || fail "removed too early"
	ended
	touch -d '1 minute ago' "$work"/*.sock "$work/a$dead".*
	on "$work/a%p.sock" sleep 60
	wait_for 20 [ ! -e "$work/a$dead.sock" ]
	for file in "a$dead.txt" "b$dead.sock" "a$living.sock" "a0$dead.sock" "a$dead.sock.$dead" "a2$dead.sock"; do
		[[ -e $work/$file ]] || fail "$file was removed"
	done
	[[ -S $work/a$pid.sock ]] || fail "its own was removed"
	ended
	ln "$work/b$dead.sock" "$work/one.$dead"
	on "$work/one" sleep 60
	wait_for 20 [ ! -e "$work/one.$dead" ]
	ended
}

test_stale_socket() {
	: "a file that a killed process left is replaced, and one that is in use is not"
	needs_preload
	local socket=$work/one.sock
	on "$socket" sleep 60
	kill -KILL "$pid"
	wait "$pid" || true
	[[ -S $socket ]] || fail "nothing was left"
	on "$socket" sleep 60
	at "$socket" /debug/rate | jq -e .rate >"$work/body"
	LD_PRELOAD=$lib LEAKPROF_LISTEN=unix:$socket /bin/echo alive >"$work/out" 2>"$work/late"
	equal output "$(<"$work/out")" alive
	equal "who comes late" "$(<"$work/late")" "leakprof: LEAKPROF_LISTEN: unix:$socket: Address already in use"
	at "$socket" /debug/rate | jq -e .rate >"$work/body"
	ended
}

test_bad_paths() {
	: "a path that cannot be used is one line, and the program goes on"
	needs_preload
	local path
	for path in relative.sock /nowhere/x.sock "$work"; do
		equal output "$(LD_PRELOAD=$lib LEAKPROF_LISTEN=unix:$path /bin/echo alive 2>"$work/err")" alive
		equal "lines for $path" "$(wc -l <"$work/err")" 1
		contains "$(<"$work/err")" "unix:$path: "
	done
	[[ -d $work ]] || fail "removed"
}

test_each_its_own() {
	: "with %p, a program has an address, and what it starts too if that lives on"
	needs_preload
	export work
	LD_PRELOAD=$lib LEAKPROF_LISTEN=unix:$work/%p bash -c 'echo $$; bash -c "echo \$\$; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; done; ls $work; :"; :' >"$work/out" 2>"$work/err"
	local parent child
	parent=$(sed -n 1p "$work/out")
	child=$(sed -n 2p "$work/out")
	grep -qx "$parent" <(sed 1,2d "$work/out") || fail "no socket of the parent: $(<"$work/out")"
	grep -qx "$child" <(sed 1,2d "$work/out") || fail "no socket of the child: $(<"$work/out")"
	equal lines "$(grep -c unix-socket "$work/err") of $(wc -l <"$work/err")" "2 of 2"
	equal "left behind" "$(find "$work" -type s | wc -l)" 0
}

run_tests
