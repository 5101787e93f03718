# How the program and the two libraries are built: what an attacker finds closed, and what that costs nothing.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
recorder=$build/libleakprof.so
files=("$build/leakyard" "$recorder" "$build/libleakprof-reporter.so")

plain_build() {
	[[ -z ${SANITIZE:-} ]] || skip "the hardening is that of the plain build"
}

test_memory() {
	: "code cannot be written, data and stacks cannot be executed, and what the loader has filled in is read-only"
	plain_build
	local file
	for file in "${files[@]}"; do
		readelf -lWd "$file" >"$work/elf"
		grep -q ' GNU_RELRO ' "$work/elf" || fail "$file: no RELRO"
		grep -qE '\(FLAGS(_1)?\).*NOW|\(BIND_NOW\)' "$work/elf" || fail "$file: symbols are bound late"
		equal "$file: stack" "$(awk '$1 == "GNU_STACK" { print $7 }' "$work/elf")" RW
		equal "$file: writable and executable" "$(grep -c 'RWE' "$work/elf" || true)" 0
		equal "$file: relocations in code, search paths" "$(grep -cE '\((TEXTREL|RPATH|RUNPATH)\)' "$work/elf" || true)" 0
		contains "$(readelf -hW "$file")" "DYN ("
	done
}

test_checks() {
	: "stacks and copies are checked where that is not on the way of every call"
	plain_build
	local file
	for file in "${files[@]}"; do
		nm -D --undefined-only "$file" | awk '{ print $NF }' | sed 's/@.*//' >"$work/undefined"
		grep -qx __stack_chk_fail "$work/undefined" || fail "$file: no stack protector"
		grep -qE '^__(memcpy|snprintf|vsnprintf)_chk$' "$work/undefined" || fail "$file: no FORTIFY"
	done
	objdump -d --no-show-raw-insn "$build/libleakprof-reporter.so" >"$work/code"
	grep -qE 'or[qb]? +\$0x0,\(%rsp\)' "$work/code" || fail "large stack frames are not probed"
}

test_fast_path() {
	: "malloc and free have no frame of their own on the fast path, and no part claims to be ready for a shadow stack"
	plain_build
	local function file
	objdump -d --no-show-raw-insn "$recorder" >"$work/all"
	for function in malloc free; do
		awk -v name="<$function>:" '$2 == name { on = 1 } on && /jmp +\*|^$/ { exit } on' "$work/all" >"$work/code"
		[[ $(wc -l <"$work/code") -ge 4 ]] || fail "$function is not found"
		equal "$function: a stack protector or a frame" "$(grep -cE '%fs:0x28|push|,%rsp' "$work/code" || true)" 0
	done
	for file in "${files[@]}"; do
		equal "$file: shadow stack" "$(readelf -nW "$file" | grep -c SHSTK || true)" 0
	done
}

run_tests
