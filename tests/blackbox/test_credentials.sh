# Programs that change their user, root or namespaces, or that need a process with one thread.
# shellcheck shell=bash disable=SC2317,SC2086
. tests/blackbox/lib.sh
lib=${library:-$build/libleakprof.so}
fixtures=$build/fixtures

needs_root() {
	[[ $(id -u) -eq 0 ]] || skip "changing the user or the root directory needs root"
}

# same COMMAND…: its output and its status are the same with the profiler, which serves meanwhile.
same() {
	local plain=0 served=0
	"$@" >"$work/plain" 2>"$work/plain.err" </dev/null || plain=$?
	LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:0 timeout -s KILL 60 "$@" >"$work/served" 2>"$work/served.err" </dev/null || served=$?
	equal "status of $*" "$served" "$plain"
	cmp "$work/plain" "$work/served" || fail "$*: $(<"$work/served")"
	diff "$work/plain.err" <(grep -v '^leakprof: http://' "$work/served.err") || fail "standard error of $*"
}

test_one_thread() {
	: "calls that need one thread, or the same credentials in all, do what they do without the profiler"
	needs_preload
	needs_root
	built fixtures
	local way
	for way in keep-capabilities become-nobody act-as-user give-up-in-thread give-up unshare; do
		same "$fixtures/credentials" "$way"
	done
}

test_programs() {
	: "programs that change users and namespaces behave the same"
	needs_preload
	needs_root
	public_library
	local user=(--reuid 65534 --regid 65534 --clear-groups)
	same setpriv "${user[@]}" id
	same setpriv "${user[@]}" --inh-caps -all --ambient-caps -all --bounding-set -all id
	same setpriv "${user[@]}" --inh-caps +net_raw --ambient-caps +net_raw grep Cap /proc/self/status
	same unshare -U true
	same unshare -Urn id
	same unshare -Urpf --mount-proc sh -c 'echo $$'
	same nsenter -t $$ -n -p true
	# In a chroot, -m leads out of it.
	! nsenter -t $$ -m test -e "$lib" || same nsenter -t $$ -m -n -p true
	same runuser -u nobody id
	same su nobody -s /bin/sh -c id
	[[ -z $(type -P sudo) ]] || same sudo -n -u nobody id
	[[ -z $(type -P bwrap) ]] || same bwrap --ro-bind / / --unshare-all id
}

test_served_afterwards() {
	: "after such a call everything is served, at the same address"
	needs_preload
	needs_root
	built fixtures
	local way
	for way in become-nobody unshare; do
		rm -f "$work/in"
		paused 1 "$fixtures/credentials" "$way"
		everything
		contains "$(prof '/debug/pprof/heap?format=folded')" "main;keep 1511"
		equal threads "$(grep -l leakprof /proc/"$pid"/task/*/comm | wc -l)" 3
		released
	done
}

test_no_more_rights() {
	: "the profiler's thread has no capability that the program has given up"
	needs_preload
	needs_root
	built fixtures
	paused 0 "$fixtures/credentials" give-up
	everything
	equal threads "$(cat /proc/"$pid"/task/*/comm | grep -c leakprof)" 3
	equal capabilities "$(cat /proc/"$pid"/task/*/status | grep -E '^Cap(Prm|Eff|Inh|Amb)' | grep -vc '0000000000000000')" 0
	released
}

test_one_line() {
	: "a program that starts another one as another user prints one line, and that one none"
	needs_preload
	needs_root
	public_library
	local command
	for command in "runuser -u nobody id" "su nobody -s /bin/sh -c id" "sh -c id"; do
		LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:16102 $command >"$work/out" 2>"$work/err" || fail "$command: $?"
		equal "lines of $command" "$(grep -c . "$work/err")" 1
	done
}

test_other_user() {
	: "a server that gives up root is served in full"
	needs_preload
	needs_root
	[[ -n $(type -P memcached) ]] || skip "memcached is not installed"
	chmod 755 "$work"
	install -d -o nobody "$work/run"
	preload 524288 memcached -u nobody -s "$work/run/socket"
	everything
	equal missing "$(jq '[.profiles[] | select(.missing)] | length' "$work/snapshot")" 0
	equal user "$(stat -c %U "/proc/$pid/task/$pid")" nobody
	ended
}

test_other_root() {
	: "a server that changes its root is served in full"
	needs_preload
	needs_root
	[[ -n $(type -P haproxy) ]] || skip "haproxy is not installed"
	mkdir "$work/root"
	cat >"$work/haproxy.cfg" <<-END
		global
		    chroot $work/root
		    user nobody
		    group nogroup
		defaults
		    mode http
		    timeout connect 5s
		    timeout client 5s
		    timeout server 5s
		frontend front
		    bind unix@$work/front
	END
	preload 1 haproxy -db -f "$work/haproxy.cfg"
	everything
	equal missing "$(jq '[.profiles[] | select(.missing)] | length' "$work/snapshot")" 0
	contains "$(prof '/debug/pprof/fds?debug=1')" "socket"
	ended
}

test_missing_part() {
	: "a profile that cannot be taken is missing in the snapshot, with its reason, and the rest is there"
	needs_preload
	built fixtures
	paused 1 "$fixtures/all_signals"
	equal profile "$(code GET "$pprof/debug/pprof/threads")" 503
	equal snapshot "$(code POST "$pprof/debug/snapshots")" 201
	contains "$(jq -r .profiles.threads.missing "$work/body")" "missing: the program handles every real-time signal"
	equal "others missing" "$(jq '[.profiles[] | select(.missing)] | length' "$work/body")" 1
	equal heap "$(jq '.profiles.heap.rows > 0' "$work/body")" true
	contains "$(prof '/debug/snapshots/1/threads?format=text')" "# missing: the program"
	contains "$(prof '/debug/snapshots/1/threads?format=json')" "missing: the program"
	contains "$(prof '/debug/suspects?from=1&to=now&format=text')" "threads missing: the program"
	prof '/debug/suspects?from=1&to=now' | jq -e '.totals.threads.missing' >/dev/null
	equal diff "$(code GET "$pprof/debug/diff?profile=threads&from=1&to=now")" 503
	code POST "$pprof/debug/snapshots" >/dev/null
	contains "$(prof '/debug/diff?profile=threads&from=1&to=2&format=text')" "# missing: the program"
	released
}

test_sandbox() {
	: "chromium runs in its sandbox"
	needs_preload
	needs_root
	[[ -n $(type -P chromium) ]] || skip "chromium is not installed"
	[[ -x /usr/lib/chromium/chrome-sandbox ]] ||
		setpriv --reuid 65534 --regid 65534 --clear-groups unshare -U true 2>/dev/null ||
		skip "other users cannot make user namespaces here, as in a chroot"
	public_library
	chmod 755 "$work"
	install -d -o nobody "$work/home"
	local address run
	for address in 127.0.0.1:0 127.0.0.1:16101; do
		run=(timeout -s KILL 60 setpriv --reuid 65534 --regid 65534 --clear-groups env -C "$work/home" HOME="$work/home" XDG_RUNTIME_DIR="$work/home"
			LD_PRELOAD="$lib" LEAKPROF_LISTEN="$address" "$(type -P chromium)" --headless --disable-gpu --disable-dev-shm-usage
			--dump-dom 'data:text/html,<p id=x></p><script>x.textContent=6*7</script>')
		"${run[@]}" >"$work/out" 2>"$work/err" || fail "status $?: $(tail -n 5 "$work/err")"
		contains "$(<"$work/out")" '<p id="x">42</p>'
		contains "$(<"$work/err")" "leakprof: http://"
		equal aborted "$(grep -c FATAL "$work/err")" 0
	done
}

run_tests
