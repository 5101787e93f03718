# The two parts of the profiler: what each brings into a process, and what it leaves alone.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
lib=${library:-$build/libleakprof.so}
fixtures=$build/fixtures

# Before glibc 2.34, libpthread and others are libraries of their own. Some functions came later.
needs_new_libc() {
	printf '2.36\n%s\n' "$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)" | sort -CV || skip "the lists are those of glibc 2.36 and later"
}

test_needed() {
	: "the preloaded library needs libc alone, and the reporter has a libevent of its own"
	needs_preload
	needs_new_libc
	equal needed "$(objdump -p "$lib" | awk '$1 == "NEEDED" { print $2 }')" libc.so.6
	equal "libevent, which is a part of the reporter" "$(objdump -p "$build/libleakprof-reporter.so" | grep -c 'NEEDED.*libevent')" 0
	equal "the reporter's entry" "$(nm -D --defined-only "$build/libleakprof-reporter.so" | grep -c ' lp_reporter_entry$')" 1
}

test_exported() {
	: "it exports the public API and what it interposes, each named in its list, and nothing else"
	needs_preload
	needs_new_libc
	sed -n '/global:/,/local:/p' profiler/recorder.map | grep -v : | tr -d '\t ' | tr ';' '\n' | grep . | sort >"$work/listed"
	{
		grep -v '\*' "$work/listed"
		grep -o 'leakprof_[a-z_]*(' profiler/leakprof.h | tr -d '(' | sort -u
	} | if nm "$lib" | grep -q ' lp_object_list_find$'; then cat; else grep -vx dlopen; fi | sort -u >"$work/wanted"
	nm -D --defined-only "$lib" | awk '{ print $NF }' | sort -u >"$work/exported"
	diff "$work/wanted" "$work/exported" || fail "above: < listed or declared, > exported"
	equal "interposed outside hooks/" "$(nm "$lib" | grep -c ' T lp_')" 0
}

test_undefined() {
	: "what it calls of libc stands in a list"
	needs_preload
	needs_new_libc
	# glibc 2.38 and later have other names for some functions of the C of 2023, and FORTIFY for those that it checks.
	nm -D --undefined-only "$lib" | awk '{ print $NF }' | sed 's/@.*//; s/^__isoc[0-9]*_//; s/^__\([a-z]*\)_chk$/\1/' | sort -u >"$work/undefined"
	diff tests/blackbox/recorder.undefined "$work/undefined" || fail "above: < listed, > called"
}

test_lean() {
	: "a process that nobody looks at has no thread, no descriptor and no library of the profiler's"
	needs_preload
	LD_PRELOAD=$lib LEAKPROF_RATE=1 bash -c 'malloc=$(seq 1000); ls -l /proc/self/fd | wc -l; cat /proc/self/maps; ls /proc/self/task | wc -l; :' >"$work/out"
	equal libraries "$(grep -cE 'libunwind|libevent|libdw|leakprof-reporter' "$work/out")" 0
	equal threads "$(tail -n 1 "$work/out")" 1
	equal descriptors "$(head -n 1 "$work/out")" "$(bash -c 'malloc=$(seq 1000); ls -l /proc/self/fd | wc -l')"
}

test_same_names() {
	: "functions of the program that have the names of others' are never called, before main or after"
	needs_preload
	built fixtures
	local name rate status=0
	nm -D --defined-only "$fixtures/same_names" | awk '{ print $NF }' | sort >"$work/defined"
	grep -vE '^_|^environ$' tests/blackbox/recorder.undefined | sort | comm -23 - "$work/defined" >"$work/lacking"
	while read -r name; do fail "the fixture does not define $name"; done <"$work/lacking"
	for rate in 1 524288; do
		equal "not served, rate $rate" "$(LD_PRELOAD=$lib LEAKPROF_RATE=$rate "$fixtures/same_names" </dev/null 2>&1 && echo ended)" ended
	done
	mkfifo "$work/in"
	exec 9<>"$work/in"
	preload 1 "$fixtures/same_names" <"$work/in" 9>&-
	everything
	contains "$(prof '/debug/pprof/heap?format=folded')" "main;keep 1499"
	contains "$(prof '/debug/pprof/fds?debug=2')" "keep"
	equal called "$(grep -c '^called' "$work/err")" 0
	exec 9>&-
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
}

test_exceptions() {
	: "a C program may load a C++ library that throws, served or not"
	needs_preload
	built fixtures
	equal plain "$("$fixtures/throwing" "$fixtures/thrower.so" 10000)" "caught 10000"
	local rate
	for rate in 1 524288; do
		equal "not served, rate $rate" "$(LD_PRELOAD=$lib LEAKPROF_RATE=$rate "$fixtures/throwing" "$fixtures/thrower.so" 10000)" "caught 10000"
		equal "served, rate $rate" "$(LD_PRELOAD=$lib LEAKPROF_RATE=$rate LEAKPROF_LISTEN=127.0.0.1:0 "$fixtures/throwing" "$fixtures/thrower.so" 10000 2>"$work/err")" "caught 10000"
	done
}

test_without_reporter() {
	: "without the reporter beside it one line says so, and the program runs"
	needs_preload
	cp "$lib" "$work/libleakprof.so"
	equal output "$(LD_PRELOAD=$work/libleakprof.so LEAKPROF_LISTEN=127.0.0.1:0 /bin/echo alive 2>"$work/err")" alive
	equal lines "$(wc -l <"$work/err")" 1
	contains "$(<"$work/err")" "libleakprof-reporter.so"
}

test_in_loader() {
	: "a program that holds the loader's lock gets what there is of the figures, and does not wait for ever"
	needs_preload
	built fixtures
	equal output "$(LD_PRELOAD=$lib LEAKPROF_RATE=4096 timeout -s KILL 60 "$fixtures/in_loader")" $'started -110\nrate 4096'
}

test_before_constructors() {
	: "what is allocated before any constructor is recorded at the rate of the environment, too"
	needs_preload
	built fixtures
	local rate
	for rate in 0 1; do
		equal "rate $rate" "$(LD_PRELOAD=$lib LEAKPROF_RATE=$rate "$fixtures/resolver_allocates")" "rate $rate blocks $((100 * rate))"
	done
	contains "$(LD_PRELOAD=$lib LEAKPROF_RATE=8M "$fixtures/resolver_allocates")" "rate 8388608 "
}

test_other_build() {
	: "a reporter of another build is refused in one line"
	needs_preload
	cp "$lib" "$work/libleakprof.so"
	sed 's/lp_own_heap lp_/lp_own_haep lp_/' "$build/libleakprof-reporter.so" >"$work/libleakprof-reporter.so"
	equal output "$(LD_PRELOAD=$work/libleakprof.so LEAKPROF_LISTEN=127.0.0.1:0 /bin/echo alive 2>"$work/err")" alive
	contains "$(<"$work/err")" "another build"
}

test_moved_away() {
	: "what is preloaded by a relative path is found from another directory, root and user"
	needs_preload
	[[ $(id -u) -eq 0 ]] || skip "changing the root needs root"
	built fixtures
	preload 1 "$fixtures/moved_away" "$work"
	everything
	contains "$(prof '/debug/pprof/heap?format=folded')" "main;keep "
	ended
}

run_tests
