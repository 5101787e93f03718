# The preloaded profiler in programs that know nothing of it.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
lib=${library:-$build/libleakprof.so}

test_serves() {
	: "LD_PRELOAD serves profiles of an ordinary program"
	needs_preload
	preload 1 bash -c 'while :; do read -t 0.05 -r; done' <"/dev/zero"
	prof /debug/pprof/heap | gunzip -t
	contains "$(prof "/debug/pprof/threads?debug=2")" "bash"
	ended
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

test_environment() {
	: "a preloaded shell hands its environment on, and its children are preloaded, too"
	needs_preload
	equal "what a child has" "$(LD_PRELOAD=$lib OF_THE_TEST=here bash -c 'printenv OF_THE_TEST; grep -c libleakprof /proc/self/maps >/dev/null && echo preloaded; :' | tr '\n' ' ')" "here preloaded "
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

test_children() {
	: "an address that is taken is one line, and none from children that inherited it"
	needs_preload
	preload 1 sleep 60
	local taken=${pprof#http://}
	equal output "$(LD_PRELOAD=$lib LEAKPROF_LISTEN=$taken /bin/echo alive 2>"$work/err")" alive
	equal "who comes late" "$(<"$work/err")" "leakprof: LEAKPROF_LISTEN: $taken: Address already in use"
	LD_PRELOAD=$lib LEAKPROF_LISTEN=$taken bash -c '/bin/echo 1; /bin/echo 2; (/bin/echo 3; :) | cat; :' >"$work/out" 2>"$work/err"
	equal output "$(tr '\n' ' ' <"$work/out")" "1 2 3 "
	equal "the shell's line alone" "$(<"$work/err")" "leakprof: LEAKPROF_LISTEN: $taken: Address already in use"
	# Another address than the parent's is the child's own matter.
	LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:0 bash -c "LEAKPROF_LISTEN=$taken /bin/echo 1; :" >"$work/out" 2>"$work/err"
	equal lines "$(grep -c 'already in use' "$work/err") of $(wc -l <"$work/err")" "1 of 2"
	ended
}

# listeners PROGRAM COMMAND...: how many of the processes that the command makes listen.
listeners() {
	local program=$1
	shift
	LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_PROGRAM=$program "$@" >"$work/out" 2>"$work/err"
	grep -c 'leakprof: http' "$work/err" || true
}

test_program() {
	: "LEAKPROF_PROGRAM names the one that listens; the others record as ever"
	needs_preload
	built fixtures
	local script='/bin/echo 1; sleep 0; (exec -a renamed /bin/echo 2); :'
	equal sleep "$(listeners sleep bash -c "$script")" 1
	equal "by the file or the name it was called by" "$(listeners echo bash -c "$script")" 2
	equal "by the name it was called by" "$(listeners renamed bash -c "$script")" 1
	equal "part of a name" "$(listeners ech bash -c "$script")" 0
	equal "a path" "$(listeners /bin/echo bash -c "$script")" 0
	equal "empty: not its short-lived helpers" "$(listeners "" bash -c "$script")" 1
	LEAKPROF_RATE=1 listeners other "$build/fixtures/alloc_calls" 1 >"$work/count"
	equal "the other" "$(<"$work/count")" 0
	[[ $(<"$work/err") =~ seen\ [1-9] ]] || fail "nothing recorded: $(<"$work/err")"
}

test_locale() {
	: "a program whose locale writes 1,5 is shown like any other"
	needs_preload
	printf 'LC_NUMERIC\ndecimal_point "<U002C>"\nthousands_sep ""\ngrouping -1\nEND LC_NUMERIC\n' >"$work/comma.def"
	localedef -c -f ANSI_X3.4-1968 -i "$work/comma.def" "$work/comma" 2>/dev/null || true # it warns of the other categories
	[[ -s $work/comma/LC_NUMERIC ]] || skip "no locale can be made without the package locales: scripts/deps test"
	preload 64 LOCPATH="$work" LC_ALL=comma bash -c 'printf "%.1f\n" 1,5; while :; do read -t 0.05 -r; done' <"/dev/zero"
	wait_for 20 grep -q . "$work/out"
	equal "the program's own" "$(<"$work/out")" 1,5
	prof "/debug/pprof/heap?format=json" | jq -e '[.samples[].errors[] | select(. != floor)] | length > 0' >"$work/body" ||
		fail "no errors with a fraction in the JSON"
	prof "/debug/pprof/heap?format=svg" >"$work/heap.svg"
	equal "coordinates with a comma" "$(grep -cE '(x|width)="[0-9]+,[0-9]' "$work/heap.svg" || true)" 0
	ended
}

run_tests
