# The preloaded profiler in programs that know nothing of it.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
lib=$build/libleakprof.so

test_serves() {
	: "LD_PRELOAD serves profiles of an ordinary program"
	needs_preload
	LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_RATE=1 bash -c 'while :; do read -t 0.05 -r; done' \
		<"/dev/zero" >"$work/out" 2>"$work/err" &
	pid=$!
	wait_for 10 grep -q http "$work/err"
	pprof=$(grep -o 'http://[0-9.:]*' "$work/err")
	prof /debug/pprof/heap | gunzip -t
	contains "$(prof "/debug/pprof/threads?debug=2")" "bash"
	kill "$pid"
	wait "$pid" || true
	pid=
}

test_harmless() {
	: "programs print the same with and without it, at every rate"
	needs_preload
	local rate command
	for rate in 0 1 524288; do
		for command in 'ls -l /etc' 'jq -n [range(1000)]' 'sort /etc/passwd' 'awk BEGIN{for(i=0;i<9999;i++)a[i]=i;print(length(a))}'; do
			# shellcheck disable=SC2086
			equal "$command" "$(LD_PRELOAD=$lib LEAKPROF_RATE=$rate $command)" "$($command)"
		done
	done
}

test_few_descriptors() {
	: "a program with hardly any descriptors runs all the same"
	needs_preload
	local n
	for n in 5 6 7 8 12 20; do
		equal "ulimit $n" "$( (ulimit -n $n; LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:0 /bin/echo ran) 2>"$work/err")" ran
	done
}

test_bad_address() {
	: "a bad address is one line, and the program goes on"
	needs_preload
	equal output "$(LD_PRELOAD=$lib LEAKPROF_LISTEN=nowhere /bin/echo alive 2>"$work/err")" alive
	equal lines "$(wc -l <"$work/err")" 1
}

run_tests
