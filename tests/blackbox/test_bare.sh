# The server that the benchmark compares the playground with.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

listens() { grep -q 'playground http://' "$work/bare.out"; }

answer() { curl -sS -m 60 -i "$1" | sed '/^Date:/d'; }

test_answers() {
	: "the bare server answers as the playground does, byte for byte, or the difference would be measured as the profiler's"
	[[ -z ${SANITIZE:-} ]] || skip "the plain build is measured"
	local bare bare_pid path
	# shellcheck disable=SC2046
	cc -D_GNU_SOURCE -o "$work/bench_bare" loadtest/bench_bare.c $(pkg-config --cflags --libs libevent) -lpthread
	serve --threads 1
	timeout 60 "$work/bench_bare" 1 >"$work/bare.out" & # ends by itself, too, if the test fails
	bare_pid=$!
	wait_for 20 listens
	bare=$(grep -o 'http://[0-9.:]*' "$work/bare.out")
	for path in /healthz /fixed/healthy; do
		answer "$bare$path" >"$work/bare.answer"
		answer "$url$path" >"$work/answer"
		equal "$path" "$(<"$work/bare.answer")" "$(<"$work/answer")"
	done
	kill "$bare_pid"
	wait "$bare_pid" || true
}

run_tests
