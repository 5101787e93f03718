# Programs under a debugger, a tracer and valgrind.
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

# slowly: a program that prints for about a second and a half, in the background, and ends when there is a file
# "seen". Its process id is $p.
slowly='rm -f seen; perl -e "\$| = 1; for (1 .. 30) { print \"\$_\n\"; select undef, undef, undef, 0.05 } for (1 .. 900) { last if -e \"seen\"; select undef, undef, undef, 0.05 } exit 7" & p=$!; sleep 0.3;'
command_row gdb gdb 'gdb -q -batch -ex run -ex "info inferiors" true | grep -c "exited normally"'
command_row "gdb (attached)" gdb "$slowly"' gdb -q -batch -p $p -ex bt -ex detach >out 2>/dev/null; touch seen; wait $p; echo $?; grep -c detached out'
command_row strace strace 'strace -f -o /dev/null true; echo $?'
command_row "strace (attached)" strace "$slowly"' timeout -s INT 0.5 strace -q -f -o /dev/null -p $p; touch seen; wait $p; echo $?'
command_row -n memcheck-amd64-linux valgrind valgrind 'valgrind -q true; echo $?'
