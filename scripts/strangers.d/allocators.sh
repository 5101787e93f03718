# Other allocators: linked, preloaded before the profiler and after it. tests/fixtures/allocators.cc calls all there is.
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

allocator_rows() { # NAME
	local file tool linked=$build/fixtures/allocators-$1 perl='perl -e "my %h; \$h{\$_ % 50000} .= \"x\" x (\$_ % 70) for 1 .. 1000000; print scalar(keys %h), \"\n\""'
	file=$(compgen -G "/usr/lib/*/lib$1.so.[0-9]*" | head -n 1)
	tool=${file:-lib$1.so}
	[[ ! -e $tool ]] || tool=perl
	[[ -e $linked ]] || make -s -C "$PWD" fixtures >/dev/null 2>&1
	command_row -n "allocators-$1" "$1 (linked)" "$linked" "'$linked' 20 2>/dev/null"
	command_row -p "$file" -w "$lib $file" -n perl "$1 (after)" "$tool" "$perl"
	command_row -p "$file" -w "$file $lib" -n perl "$1 (before)" "$tool" "$perl"
}
for allocator in jemalloc tcmalloc mimalloc; do allocator_rows "$allocator"; done
