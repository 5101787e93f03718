# What is written when a signal ends the program, and that the signal still ends it as it did.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
crash=$PWD/$build/fixtures/crash
[[ $build != /* ]] || crash=$build/fixtures/crash

# dies WAY [HANDLER]: what it does with the profiler. Sets $status; the line is in $work/line.
dies() {
	status=0
	mkdir -p "$work/with"
	LEAKPROF_CRASH=${crash_option-1} in_directory "$work/with" preload 0 "$crash" "$@" || return 1
	wait "$pid" || status=$?
	pid=
	lines
}

in_directory() {
	pushd "$1" >/dev/null
	local library=$OLDPWD/$build/libleakprof.so
	[[ $build != /* ]] || library=$build/libleakprof.so
	shift
	"$@"
	popd >/dev/null
}

lines() { # and removes them from $work/err
	grep -v '^leakprof: http' "$work/err" | grep '^leakprof: ' >"$work/line" || true
}

# plain WAY [HANDLER]: the same without the profiler. Prints the status.
plain() {
	mkdir -p "$work/without"
	(
		cd "$work/without"
		"$crash" "$@" </dev/null >"$work/plain" 2>&1
		echo $?
	) 2>>"$work/null"
}

# function_at N: the function and line of the Nth address of the line, from 1.
function_at() {
	local place
	place=$(sed 's/.*Stack: //' "$work/line" | cut -d ' ' -f "$1")
	addr2line -fpse "${place%+*}" "${place##*+}"
}

test_each_signal() {
	: "each signal leaves one line with its name and the line of code, and ends the program as it did"
	needs_preload
	built fixtures
	local case way signal function
	for case in segv:SIGSEGV:by_segv bus:SIGBUS:by_bus ill:SIGILL:by_ill fpe:SIGFPE:by_fpe abort:SIGABRT:by_abort \
		raise:SIGSEGV:by_raise kill:SIGBUS:by_kill null_call:SIGSEGV:by_null_call free:SIGABRT:by_free thread:SIGSEGV:by_segv; do
		IFS=: read -r way signal function <<<"$case"
		dies "$way" no_core
		equal "$way: status" "$status" "$(plain "$way" no_core)"
		equal "$way: lines" "$(wc -l <"$work/line")" 1
		contains "$(<"$work/line")" "leakprof: $signal (code "
		contains "$(<"$work/line")" "No snapshot. Stack: "
		contains "$(for n in 1 2 3 4 5 6 7 8 9; do function_at $n; done 2>&1)" "$function at crash.c:"
	done
	contains "$(<"$work/line")" '"worker"'
}

# signal_of CORE: the signal, its code and address, and the innermost function of the program.
signal_of() {
	gdb -q -batch -ex 'output $_siginfo.si_signo' -ex 'echo \n' -ex 'output $_siginfo.si_code' -ex 'echo \n' \
		-ex 'output/x $_siginfo.si_code > 0 ? (long)$_siginfo._sifields._sigfault.si_addr : 0' -ex 'echo \n' -ex 'bt' "$crash" "$1" 2>/dev/null |
		grep -E '^(-?[0-9]+$|0x[0-9a-f]+$|#.* by_)' | sed 's/ <.*//; s/0x[0-9a-f]* in //; s/0x5[0-9a-f]*\(...\)$/code at \1/' # where the program lies is random
}

test_core() {
	: "the core dump has the same signal, code, address and stack as without the profiler"
	needs_preload
	[[ $(</proc/sys/kernel/core_pattern) == core ]] || skip "core dumps go elsewhere here"
	[[ $(ulimit -Hc) == unlimited ]] || skip "core dumps are limited here"
	command -v gdb >/dev/null || skip "gdb is not installed"
	built fixtures
	ulimit -c unlimited
	local way handler
	for way in segv bus fpe abort "segv return"; do
		rm -rf "$work"/with* "$work"/without*
		read -r way handler <<<"$way"
		equal "$way: without" "$(($(plain "$way" ${handler:+"$handler"}) > 128))" 1
		dies "$way" ${handler:+"$handler"}
		signal_of "$work"/without/core* >"$work/wanted"
		signal_of "$work"/with/core* >"$work/got"
		[[ $(wc -l <"$work/wanted") -ge 4 ]] || fail "$way: $(<"$work/wanted")"
		diff "$work/wanted" "$work/got" || fail "$way: above: < without, > with the profiler"
	done
}

test_snapshot() {
	: "the line has the number of the last snapshot, and the process's own id"
	needs_preload
	built fixtures
	LEAKPROF_CRASH=1 paused 0 "$crash" segv no_core
	local process=$pid status=0
	snapshot one
	snapshot two
	exec 9>&-
	wait "$pid" || status=$?
	pid=
	lines
	equal status "$status" 139
	contains "$(<"$work/line")" " ends process $process in thread $process \"crash\". Last snapshot: 2. Stack: "
}

test_option() {
	: "without the option no handler is installed and nothing is written"
	needs_preload
	built fixtures
	local option
	for option in "" 0 1; do
		rm -f "$work/in"
		LEAKPROF_CRASH=$option paused 0 "$crash" look
		equal "handlers, option '$option'" "$(handlers)" "$([[ $option == 1 ]] && echo 4e8 || echo 0)"
		released
	done
	crash_option='' dies segv no_core
	equal status "$status" 139
	equal lines "$(<"$work/line")" ""
}

handlers() { # of SIGILL, SIGABRT, SIGBUS, SIGFPE and SIGSEGV
	printf '%x\n' $((0x$(awk '/^SigCgt/ { print $2 }' "/proc/$pid/status") & 0x4e8))
}

test_seen() {
	: "the program sees its own actions: the default, or its handlers"
	needs_preload
	built fixtures
	plain look >/dev/null
	dies look
	equal status "$status" 0
	diff "$work/plain" "$work/out" || fail "above: < without, > with the profiler"
	[[ $(grep -c 'default 1 .*default 1 .*own 1$' "$work/plain") -eq 5 ]] || fail "$(<"$work/plain")"
}

test_own_handlers() {
	: "a handler of the program's is called instead, and the line comes when its signal ends the program"
	needs_preload
	built fixtures
	local way handler
	for way in segv abort; do
		dies $way own
		equal "$way: status" "$status" 7
		equal "$way: lines" "$(<"$work/line")" ""
		contains "$(<"$work/out")" "own handler"
		for handler in again return; do
			[[ $way-$handler != abort-return ]] || continue # abort() itself then restores the default action
			dies $way $handler
			equal "$way, $handler: status" "$status" "$(plain $way $handler)"
			equal "$way, $handler: calls" "$(grep -c "own handler" "$work/out")" "$(grep -c "own handler" "$work/plain")"
			equal "$way, $handler: lines" "$(wc -l <"$work/line")" 1
			contains "$(for n in 1 2 3 4 5 6 7 8 9; do function_at $n; done 2>&1)" "by_$way at crash.c:"
		done
	done
	dies raise ignored
	equal "ignored: status" "$status" 0
}

test_children() {
	: "a forked child writes a line of its own, and a program that it becomes has no handler"
	needs_preload
	built fixtures
	dies child no_core
	equal status "$status" 0
	local child
	child=$(sed -n 's/^child \([0-9]*\) ended by signal 11$/\1/p' "$work/out")
	contains "$(<"$work/line")" " ends process ${child:-none} "
	preload 0 env LEAKPROF_CRASH=1 LEAKPROF_PROGRAM=bash /bin/bash -c 'exec /bin/cat /proc/self/status'
	wait "$pid"
	pid=
	contains "$(<"$work/out")" "SigCgt:	0000000000000000"
}

test_crowd() {
	: "many threads that fail at the same time leave one line"
	needs_preload
	built fixtures
	local i
	for ((i = 0; i < 10; i++)); do
		dies crowd no_core
		[[ $status -eq 139 || $status -eq 134 ]] || fail "status $status"
		equal lines "$(wc -l <"$work/line")" 1
		equal ends "$(tail -c 1 "$work/line" | od -An -tx1 | tr -d " ")" 0a
	done
}

test_standard_error() {
	: "a standard error that is closed, reused, full or without a reader changes nothing"
	needs_preload
	built fixtures
	local way status=0
	for way in closed reused; do
		dies $way no_core
		equal "$way: status" "$status" 139
		equal "$way: lines" "$(<"$work/line")" ""
	done
	equal "the other file" "$(stat -c %s "$work/with/reused")" 0
	mkfifo "$work/pipe"
	exec 8<>"$work/pipe"
	preload_to_pipe full
	equal "full: status" "$status" 139
	exec 8<&-
	preload_to_pipe alone
	equal "without a reader: status" "$status" 139
}

# Runs it with a pipe as standard error, which is full, or whose reader ends.
preload_to_pipe() { # full|alone
	mkfifo "$work/in$1"
	exec 9<>"$work/in$1"
	(exec timeout 60 cat <"$work/pipe" >"$work/err$1" 8>&- 9>&-) &
	local reader=$!
	env LD_PRELOAD="$build/libleakprof.so" LEAKPROF_LISTEN=127.0.0.1:0 LEAKPROF_CRASH=1 "$crash" segv no_core \
		<"$work/in$1" >"$work/out" 2>"$work/pipe" 9>&- 8>&- &
	pid=$!
	wait_for 20 grep -q http "$work/err$1"
	kill "$reader"
	wait "$reader" 2>/dev/null || true
	[[ $1 == alone ]] || timeout 2 dd if=/dev/zero bs=4096 count=100 status=none >"$work/pipe" || true
	exec 9>&-
	status=0
	wait "$pid" || status=$?
	pid=
}

test_overflow() {
	: "a stack overflow ends the program as it did"
	needs_preload
	built fixtures
	dies overflow no_core
	equal status "$status" 139
}

test_programs() {
	: "bash and python die of their signals as they did, after their own handlers"
	needs_preload
	command -v python3 >/dev/null || skip "python3 is not installed"
	ulimit -c 0
	status=0
	LEAKPROF_CRASH=1 preload 0 /bin/bash -c 'kill -SEGV $$; sleep 1'
	wait "$pid" || status=$?
	pid=
	lines
	equal "bash: status" "$status" 139
	equal "bash: lines" "$(grep -c SIGSEGV "$work/line")" 1
	status=0
	LEAKPROF_CRASH=1 preload 0 /usr/bin/python3 -X faulthandler -c 'import ctypes; ctypes.string_at(0)'
	wait "$pid" || status=$?
	pid=
	lines
	equal "python: status" "$status" 139
	contains "$(<"$work/err")" "Fatal Python error: Segmentation fault"
	equal "python: lines" "$(grep -c SIGSEGV "$work/line")" 1
}

# A machine that handles faults of its own: a null pointer, the end of the stack.
test_runtimes() {
	: "java goes on handling its own faults, and node dies of abort() with a line"
	needs_preload
	local status=0 java=yes
	ulimit -c 0
	cat >"$work/Faults.java" <<-'END'
		public class Faults {
			static int length(String s) { return s.length(); }
			static int deep(int n) { return deep(n + 1) + 1; }
			public static void main(String[] none) {
				int caught = 0;
				for (int i = 0; i < 200000; i++)
					try { length(i % 2 == 0 ? null : "text"); } catch (NullPointerException e) { caught++; }
				try { deep(0); } catch (StackOverflowError e) { caught++; }
				System.out.println("caught " + caught);
			}
		}
	END
	if command -v javac >/dev/null && (cd "$work" && javac Faults.java 2>"$work/javac"); then
		LEAKPROF_CRASH=1 preload 0 java -cp "$work" Faults
		wait "$pid" || status=$?
		pid=
		lines
		equal java "$(<"$work/out") $status$(<"$work/line")" "caught 100001 0"
	else
		java=
	fi
	if ! command -v node >/dev/null; then
		[[ -n $java ]] || skip "neither java nor node is installed"
		return
	fi
	LEAKPROF_CRASH=1 preload 0 node -e 'process.abort()'
	wait "$pid" || status=$?
	pid=
	lines
	equal "node: status" "$status" 134
	equal "node: lines" "$(grep -c SIGABRT "$work/line")" 1
}

test_playground() {
	: "the playground writes the line"
	[[ -z ${SANITIZE:-} ]] || skip "the sanitizer's runtime has handlers of its own"
	ulimit -c 0
	serve --threads 1
	local status=0
	kill -ABRT "$pid"
	wait "$pid" || status=$?
	pid=
	equal status "$status" 134
	contains "$(<"$work/err")" "leakprof: SIGABRT (code 0, sent by process $BASHPID) ends process "
}

run_tests
