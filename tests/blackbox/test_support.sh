# Where the profiler runs (profiler/SUPPORT.md), as far as one machine can show it.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
lib=$build/libleakprof.so
fixtures=$build/fixtures

# staying COMMAND…: starts a fixture that stays until `released`; COMMAND ends in the fixture.
staying() {
	rm -f "$work/in"
	mkfifo "$work/in"
	exec 9<>"$work/in"
	: >"$work/err"
	"$@" <"$work/in" 9>&- >"$work/out" 2>"$work/err" &
	pid=$!
	ready
	pprof=$(grep -o 'http://[0-9.:]*' "$work/err" | tail -n 1)
}

preloaded=(env LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_RATE=1)

test_read_only_root() {
	: "with a root that is read only everything is served"
	needs_preload
	[[ $(id -u) -eq 0 ]] || skip "mounting needs root"
	unshare -m true 2>/dev/null || skip "there are no mount namespaces here"
	built fixtures
	# shellcheck disable=SC2016
	local remount='mount -o remount,bind,ro / && ! : 2>/dev/null >/leakprof-test && exec "$@"'
	staying unshare -m bash -c "$remount" - "${preloaded[@]}" LD_PRELOAD="$PWD/${lib#"$PWD/"}" "$fixtures/credentials" none
	everything
	contains "$(prof '/debug/pprof/heap?format=folded')" "main;keep 1511"
	equal missing "$(jq '[.profiles[] | select(.missing)] | length' "$work/snapshot")" 0
	released
}

test_not_root() {
	: "a user without rights gets everything, too"
	needs_preload
	[[ $(id -u) -eq 0 ]] || skip "changing the user needs root"
	built fixtures
	cp "$lib" "${lib%.so}-reporter.so" "$fixtures/credentials" "$work" # the build may be in a private directory
	chmod 755 "$work"
	staying setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set -all \
		"${preloaded[@]}" LD_PRELOAD="$work/libleakprof.so" "$work/credentials" none
	equal user "$(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status")" 65534
	everything
	contains "$(prof '/debug/pprof/heap?format=folded')" "main;keep 1511"
	equal missing "$(jq '[.profiles[] | select(.missing)] | length' "$work/snapshot")" 0
	released
}

# refused FILE OPTIONS…: the compiler's only error is a sentence in which leakprof is named.
refused() {
	local file=$1
	shift
	! gcc -fsyntax-only -x c -D_GNU_SOURCE -iquote profiler "$@" "$file" 2>"$work/errors" || fail "$* compiles"
	equal "errors with $*" "$(grep -c 'error:' "$work/errors")" 1
	grep -o 'error: .*' "$work/errors"
}

test_elsewhere() {
	: "for another processor or C library, the build ends in an error with a sentence"
	local header=profiler/sys/platform.h
	contains "$(refused $header -U__x86_64__)" "runs on x86-64 Linux only"
	contains "$(refused $header -D__ILP32__)" "runs on x86-64 Linux only"
	contains "$(refused $header -U__linux__)" "runs on x86-64 Linux only"
	mkdir "$work/libc"
	echo '#define _FEATURES_H' >"$work/libc/features.h" # as musl's: no __GLIBC__
	contains "$(refused $header -I"$work/libc")" "needs glibc:"
	printf '#define __GLIBC__ 2\n#define __GLIBC_PREREQ(major, minor) ((minor) <= 27)\n' >"$work/libc/features.h"
	contains "$(refused $header -I"$work/libc")" "glibc 2.28 or later"
	printf '#define __GLIBC__ 2\n#define __GLIBC_PREREQ(major, minor) ((minor) <= 28)\n' >"$work/libc/features.h"
	gcc -fsyntax-only -x c -I"$work/libc" $header
	# Every file of the profiler begins with it.
	contains "$(make -Bn "$build/obj/profiler/config.o" B="$build" 2>/dev/null)" "-include $header"
}

test_missing_libraries() {
	: "a library that is missing or too old for the build is named in one line"
	mkdir "$work/pc"
	printf 'Name: %s\nDescription: old\nVersion: 1.0\n' libevent >"$work/pc/libevent.pc"
	! PKG_CONFIG_PATH=$work/pc make -s profiler B="$work/build" >"$work/out" 2>&1 || fail "it builds"
	contains "$(<"$work/out")" "leakprof needs libevent >= 2.1.12"
}

run_tests
