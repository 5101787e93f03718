# The systemd unit of the playground, and the drop-in that preloads the profiler into another service.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
units=scripts/systemd

needs_systemd() {
	[[ -z ${SANITIZE:-} ]] || skip "the units are for the plain build"
	command -v systemd-analyze >/dev/null || skip "systemd is not installed"
}

# unit_here: the unit, with this test's program.
unit_here() {
	mkdir -p "$work/units"
	sed "s#/usr/local/bin/leakyard#$(realpath "$build/leakyard")#" $units/leakyard.service >"$work/units/leakyard.service"
}

test_unit() {
	: "systemd accepts the playground's unit, and finds an exposure below 2.0"
	needs_systemd
	unit_here
	systemd-analyze verify "$work/units/leakyard.service" >"$work/verify" 2>&1 || fail "$(<"$work/verify")"
	equal remarks "$(grep -c leakyard "$work/verify" || true)" 0
	systemd-analyze security --help | grep -q -- --offline || skip "this systemd-analyze has no --offline"
	systemd-analyze security --offline=yes --threshold=20 --no-pager "$work/units/leakyard.service" >"$work/security" 2>&1 || fail "$(<"$work/security")"
}

# allowed: the calls of the unit's filter, for the fixture.
allowed() {
	local set
	for set in @privileged @resources; do systemd-analyze syscall-filter $set | expand_sets; done | sort -u >"$work/refused"
	echo "default errno 1"
	sed -n 's/^allow //p' tests/fixtures/filters/system-service | tr ' ' '\n' | grep -vxFf "$work/refused" | sed 's/^/allow /'
	grep '^allow-if' tests/fixtures/filters/system-service || true
}

expand_sets() {
	local name
	grep '^  *[a-z@]' | tr -d ' ' | while read -r name; do
		if [[ $name == @* ]]; then systemd-analyze syscall-filter "$name" | expand_sets; else echo "$name"; fi
	done
}

test_sandbox() {
	: "in a sandbox like the unit's, every scene leaks and every profile is served"
	needs_systemd
	needs_heap
	command -v bwrap >/dev/null || skip "bubblewrap is not installed"
	local in=(bwrap --unshare-user --unshare-ipc --unshare-uts --unshare-cgroup --cap-drop ALL --uid 65534 --gid 65534
		--ro-bind / / --tmpfs /tmp --tmpfs /home --tmpfs /root --ro-bind "$PWD" "$PWD" --ro-bind "$(realpath "$build")" "$(realpath "$build")"
		--dev /dev --proc /proc --die-with-parent --chdir /)
	"${in[@]}" /bin/true 2>"$work/refused" || skip "no sandbox here: $(head -n 1 "$work/refused")"
	built fixtures
	allowed >"$work/filter"
	[[ $(grep -c '^allow ' "$work/filter") -gt 200 ]] || fail "the filter has only $(wc -l <"$work/filter") lines"
	: >"$work/out"
	"${in[@]}" --ro-bind "$work/filter" /tmp/filter "$(realpath "$build/fixtures/filtered")" /tmp/filter \
		"$(realpath "$build/leakyard")" --listen 127.0.0.1:0 --pprof 127.0.0.1:0 >"$work/out" 2>"$work/err" &
	pid=$!
	wait_for 20 started
	url=$(sed -n 1p "$work/out" | grep -o 'http://[^/ ]*') || fail "no server: $(<"$work/err")"
	pprof=$(sed -n 2p "$work/out" | grep -o 'http://[^/ ]*')
	everything
	equal missing "$(jq '[.profiles[] | select(.missing)] | length' "$work/snapshot")" 0
	local scene variant
	while read -r scene; do
		for variant in leak fixed; do
			equal "$variant/$scene" "$(code POST "$url/$variant/$scene" -H 'Sec-Fetch-Site: same-origin')" 200
		done
	done < <(get /scenes | jq -r '.scenes[].id')
	kill "$pid" # of the sandbox, which ends with its program
	wait "$pid" || true
	pid=
}

test_drop_in() {
	: "the drop-in is accepted beside a service, and its addresses give a socket for each process"
	needs_systemd
	needs_preload
	mkdir -p "$work/units/some.service.d" "$work/run/leakprof-some"
	printf '[Service]\nExecStart=/bin/sleep 60\n' >"$work/units/some.service"
	cp $units/leakprof.conf "$work/units/some.service.d/"
	SYSTEMD_UNIT_PATH=$work/units: systemd-analyze verify some.service >"$work/verify" 2>&1 || fail "$(<"$work/verify")"
	equal remarks "$(grep -c 'some\|leakprof' "$work/verify" || true)" 0
	echo 'Nonsense=1' >>"$work/units/some.service.d/leakprof.conf" # is it read at all?
	SYSTEMD_UNIT_PATH=$work/units: systemd-analyze verify some.service >"$work/verify" 2>&1 || true
	contains "$(<"$work/verify")" Nonsense

	local variables
	mapfile -t variables < <(sed -n 's/^Environment=//p' $units/leakprof.conf | sed "s#/run/#$work/run/#; s#/usr/local/lib/leakprof#$(realpath "$build")#; s#%N#some#; s#%%#%#")
	equal variables "${#variables[@]}" 2
	env "${variables[@]}" /bin/sleep 60 2>"$work/err" &
	pid=$!
	wait_for 20 test -S "$work/run/leakprof-some/$pid.sock"
	wait_for 20 curl -sSf -o "$work/index" --unix-socket "$work/run/leakprof-some/$pid.sock" http://localhost/debug/pprof/
	ended
}

run_tests
