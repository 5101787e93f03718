# Python's own tests, compared per test case.
# shellcheck shell=bash disable=SC2154,SC2034 # the variables are those of scripts/strangers

# Forty that there are in Python 3.11 and 3.13. Not those that measure time or memory, need a network or a display, or
# last long.
modules="array bytes codecs contextlib ctypes dict epoll faulthandler fcntl fork1 gc generators io json list memoryview mmap os pickle
	poll posix pty queue re resource select selectors set shutil signal socket socketserver struct subprocess sys tempfile
	threading wait4 weakref zlib"

# cases KIND MODULE: the outcome of each test case.
cases() {
	run "$1" "timeout -k 5 90 /usr/bin/python3 -B '$here/cases.py' 'test_$2' 2>'$work/cases.$1'"
}

python_row() {
	local name="python3 (its tests)" module count=0 modules_run=0 tests different=() late=() plain preloaded plain_us=0 preloaded_us=0 speed=-
	local plain_preload='' with_preload=$lib
	wanted "$name" && installed "$name" /usr/bin/python3 || return 0
	tests=$(/usr/bin/python3 -c 'import os, test.test_json; print(os.path.dirname(test.__file__))' 2>/dev/null) || {
		add "$name" "" "not installed" - - - -
		return
	}
	for module in $modules; do
		compgen -G "$tests/test_$module*" >/dev/null || continue
		plain=$(cases plain "$module")
		plain_us=$((plain_us + $(spent 2)))
		preloaded=$(cases preloaded "$module")
		preloaded_us=$((preloaded_us + $(spent 2)))
		modules_run=$((modules_run + 1)) count=$((count + $(wc -l <<<"$plain")))
		# What differs must differ again. Some cases fail now and then.
		[[ $plain == "$preloaded" ]] || preloaded=$(cases preloaded "$module")
		[[ $plain == "$preloaded" ]] || plain=$(cases plain "$module")
		[[ $plain == "$preloaded" ]] || different+=("$module: $(diff <(echo "$plain") <(echo "$preloaded") | grep '^[<>]' | cell)")
		[[ $plain != *"status 124" ]] || late+=("$module")
		printf '%4d s  test_%s: %d lines\n' "$SECONDS" "$module" "$(wc -l <<<"$plain")" >&2
	done
	[[ $rounds -eq 0 ]] || speed=$(ratio "$plain_us" "$preloaded_us")
	if [[ ${#different[@]} -eq 0 ]]; then
		add "$name" /usr/bin/python3 "same: $((count - 2 * modules_run)) cases of $modules_run modules${late:+; not ended in 90 s, plain: ${late[*]}}" "$speed" - - -
	else
		add "$name" /usr/bin/python3 "different: ${different[*]}" "$speed" - - -
	fi
}
python_row
