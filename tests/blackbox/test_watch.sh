# The live figures in a terminal: scripts/watch.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

plain() { [[ -z ${SANITIZE:-} ]] || skip "a client's test, for the plain build"; }

test_frames() {
	: "frames show the live figures, the suspects since the oldest snapshot, and a verdict on each"
	plain
	serve --rate 1
	snapshot base >"$work/null"
	get "/leak/slice?n=20" >"$work/null"
	scripts/watch --pprof "$pprof" --frames 2 --suspects 1 >"$work/frames" || fail "$(<"$work/frames")"
	equal frames "$(grep -c '^leakyard (pid [0-9]*) at http' "$work/frames")" 2
	equal figures "$(grep -cE '^  (heap in use|RSS|not heap|allocated/s|threads|descriptors|mappings) +[0-9-]' "$work/frames")" 14
	contains "$(<"$work/frames")" slice_leak
	contains "$(<"$work/frames")" "too early to say"
	scripts/watch --pprof "$pprof" --frames 1 --from 9 >"$work/frames"
	contains "$(<"$work/frames")" 'there is no snapshot "9"; there are: 1'
}

test_refused() {
	: "what is wrong is said, and ends with status 1"
	plain
	serve
	local bad
	for bad in "--frames 0" "--suspects 0" "--from x" "--nosuch" "--pprof" "--frames 1 --pprof http://127.0.0.1:1"; do
		# shellcheck disable=SC2086
		scripts/watch --pprof "$pprof" $bad >"$work/out2" 2>"$work/err2" </dev/null && fail "$bad is taken"
		[[ -s $work/err2 && ! -s $work/out2 ]] || fail "$bad: $(cat "$work/err2" "$work/out2")"
	done
	scripts/watch --pprof "$pprof" </dev/null >"$work/out2" 2>"$work/err2" && fail "without a terminal"
	equal "no terminal" "$(<"$work/err2")" "scripts/watch: this is no terminal; --frames N prints N frames"
}

kept() { [[ $(prof /debug/snapshots | jq '.snapshots | length') -eq $1 ]]; }

test_keys() {
	: "in a terminal s takes a snapshot, n one with a name, and q ends"
	plain
	serve
	mkfifo "$work/keys"
	script -qefc "stty cols 100 rows 40; scripts/watch --pprof $pprof" /dev/null <"$work/keys" >"$work/screen" 2>&1 &
	local watch=$! status=0
	exec 9>"$work/keys"
	wait_for 20 grep -q "no snapshot to compare with" "$work/screen"
	printf s >&9
	wait_for 20 kept 1
	wait_for 20 grep -q "snapshot 1, taken in" "$work/screen"
	printf n >&9
	wait_for 20 grep -q "name: " "$work/screen"
	printf 'morning\n' >&9
	wait_for 20 kept 2
	equal name "$(prof /debug/snapshots | jq -r '.snapshots[1].name')" morning
	wait_for 20 grep -q "snapshot 2 morning, taken in" "$work/screen" # keys pressed before that may be lost
	printf q >&9
	wait "$watch" || status=$?
	exec 9>&-
	equal status "$status" 0
}

test_token() {
	: "a token is read from a file, and is in no list of processes"
	plain
	secret 0123456789abcdef
	serve --token-file "$work/token"
	scripts/watch --pprof "$pprof" --frames 1 >"$work/frames" 2>&1 && fail "without the token"
	contains "$(<"$work/frames")" 401
	scripts/watch --pprof "$pprof" --token-file "$work/token" --frames 1 >"$work/frames" || fail "$(<"$work/frames")"
	contains "$(<"$work/frames")" "heap in use"
}

test_name() {
	: "backslashes in the name of a program stay backslashes"
	plain
	local program='nap\033[31m\nx'
	cp "$(command -v sleep)" "$work/$program"
	preload 0 "$work/$program" 600
	scripts/watch --pprof "$pprof" --frames 1 >"$work/frames" || fail "$(<"$work/frames")"
	equal name "$(sed -n 's/ (pid .*//p' "$work/frames" | head -n 1)" "$program"
	! grep -q $'\e' "$work/frames" || fail "an escape"
	ended
}

run_tests
