# Programs from Debian's packages do the same with the profiler: some of the rows of `make strangers`.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# same ROW: output and exit status are the same; no times are taken.
same() {
	needs_preload
	LEAKYARD_BUILD=$build scripts/strangers --quick "$1" >"$work/row" 2>&1 || fail "$(<"$work/row")"
	! grep -q 'not installed' "$work/row" || skip "$1 is not installed: scripts/deps strangers"
	contains "$(<"$work/row")" " same;"
}

for row in nginx "apache (prefork)" haproxy redis memcached sshd sqlite3 perl python3 ruby make git sudo su setpriv "setpriv (keepcaps)" \
	unshare nsenter bwrap timeout xargs curl qemu-img "gdb (attached)" "strace (attached)"; do
	eval "test_$(printf '%s' "$row" | tr -c 'a-z0-9' _)() { : \"$row: the same output and exit status\"; same \"$row\"; }"
done

run_tests
