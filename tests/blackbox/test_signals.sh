# What a program notices of the profiler's signals.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

# looked_at COMMAND…: runs it while its threads are read all the time. Its output is in $work/out.
looked_at() {
	local status=0
	preload 0 "$@"
	while kill -0 "$pid" 2>/dev/null; do
		curl -sS -m 20 -o "$work/threads" "$pprof/debug/pprof/threads?debug=2" || true
		sleep 0.03
	done 2>>"$work/null"
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
}

# What the waits give without a profiler, in $work/waits.
without_profiler() {
	[[ -s $work/waits ]] || timeout 60 "$build/fixtures/timed_waits" 150 >"$work/waits"
	[[ $(wc -l <"$work/waits") -ge 45 ]] || fail "only $(wc -l <"$work/waits") waits"
	equal "early without a profiler" "$(grep -c early "$work/waits")" 0
}

test_timed_waits() {
	: "no wait ends early or with EINTR, and each ends with what ends it without a profiler"
	needs_preload
	built fixtures
	without_profiler
	looked_at "$build/fixtures/timed_waits" 150
	diff "$work/waits" "$work/out" || fail "above: < without, > with the profiler"
}

test_cpu_profile() {
	: "nor does a wait notice the signals of a CPU profile"
	needs_preload
	built fixtures
	local status=0
	without_profiler
	preload 0 "$build/fixtures/timed_waits" 150
	while kill -0 "$pid" 2>/dev/null; do
		curl -sS -m 20 -o "$work/profile" "$pprof/debug/pprof/profile?seconds=1&hz=1000" || true
	done 2>>"$work/null"
	wait "$pid" || status=$?
	pid=
	equal status "$status" 0
	diff "$work/waits" "$work/out" || fail "above: < without, > with the profiler"
}

test_programs() {
	: "perl, python and bash sleep as long as they are told"
	needs_preload
	local program
	for program in perl python3 bash; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	looked_at perl -MTime::HiRes=time -e '$t = time; $s = sleep 1; print "$s ", time - $t >= 1 ? "slept" : "early", "\n"'
	equal perl "$(<"$work/out")" "1 slept"
	looked_at perl -MTime::HiRes=time -e '$t = time; select(undef, undef, undef, 0.7); print time - $t >= 0.7 ? "slept" : "early", "\n"'
	equal "select of perl" "$(<"$work/out")" slept
	looked_at python3 -c 'import select, socket, time
a, b = socket.socketpair()
a.settimeout(0.5)
t = time.monotonic()
try: a.recv(1)
except TimeoutError: print("time-out", time.monotonic() - t >= 0.5)
p = select.poll(); p.register(a)
time.sleep(0.5)
print(time.monotonic() - t >= 1, select.select([a], [], [], 0.3))'
	equal python "$(<"$work/out")" $'time-out True\nTrue ([], [], [])'
	looked_at bash -c 'sleep 0.01; t=${EPOCHREALTIME/.}; read -t 0.6 -r <> <(:); s=$?; ((${EPOCHREALTIME/.} - t >= 590000)) && echo "$s in time"'
	equal bash "$(<"$work/out")" "142 in time"
}

test_own_signals() {
	: "a program that waits for all signals never gets the profiler's, nor does the program that it becomes"
	needs_preload
	built fixtures
	local way
	for way in execv execl execlp execle fexecve vfork; do
		timeout 60 "$build/fixtures/own_signals" 50 $way >"$work/plain"
		looked_at "$build/fixtures/own_signals" 150 $way
		diff "$work/plain" "$work/out" || fail "$way: above: < without, > with the profiler"
	done
	contains "$(<"$work/plain")" "SigPnd:	0000000000000000"
}

test_waits_already() {
	: "a program that has waited for all signals since before the first look does not get the profiler's"
	needs_preload
	preload 0 /usr/bin/python3 -c '
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
print(signal.sigwait(signal.valid_signals()).name)'
	wait_for 20 grep -q "^128 " "/proc/$pid/syscall" # rt_sigtimedwait
	contains "$(prof "/debug/pprof/threads?debug=2")" "sigwait"
	equal snapshot "$(code POST "$pprof/debug/snapshots")" 201
	kill -USR1 "$pid"
	wait "$pid"
	pid=
	equal received "$(<"$work/out")" SIGUSR1
}

run_tests
