# The rows of the table, and what several kinds of rows need.
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

# wanted NAME: whether the user asked for this row.
wanted() {
	local name
	[[ ${#only[@]} -gt 0 ]] || return 0
	for name in "${only[@]}"; do
		[[ $name == "$1" ]] && asked+=("$name") && return 0
	done
	return 1
}

# installed NAME TOOL...: adds a row if a tool is missing.
installed() {
	local name=$1 tool
	shift
	for tool; do
		command -v "$tool" >/dev/null && continue
		add "$name" "" "not installed" - - - -
		return 1
	done
}

# version_of TOOL: of its package, without epoch and revision.
version_of() {
	local path package
	path=$(command -v "$1") || return 0
	package=$(dpkg-query -S "$path" 2>/dev/null || dpkg-query -S "$(realpath "$path")" 2>/dev/null) || return 0
	dpkg-query -W -f '${Version}' "${package%%[:,]*}" 2>/dev/null | sed -E 's/^[0-9]+://; s/[-+~].*//'
}

# add NAME TOOL RESULT SPEED START-UP MEMORY NAMES
add() {
	local version=
	((rounds == 0)) || [[ -z $2 ]] || version=$(version_of "$2") # without a table, nobody sees it
	echo "| $1 | ${version:--} | $3 | $4 | $5 | $6 | $7 |" >>"$work/table"
	printf '%4d s  %-22s %s; speed %s; start-up %s; memory %s; %s\n' "$SECONDS" "$1" "$3" "$4" "$5" "$6" "$7"
	case $3 in same* | 'not installed'*) ;; *) failures=$((failures + 1)) ;; esac
}

# In one line and one cell.
cell() { head -n 3 | cut -c 1-160 | tr '\n|' ' /'; }

median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.3f", a / b; else print "-" }'; }

# scaled VALUE DIVISOR: with one decimal.
scaled() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", a / b }'; }

# first KIND of the pair in this round: the order changes, so that neither always has the warmer machine.
order() { if (($1 % 2 == 0)); then echo "plain preloaded"; else echo "preloaded plain"; fi; }

# names URL [CURL-OPTION...]: of a served process: how many frames of its largest stack have names, and the innermost one.
names() {
	local url=$1 top frames named note
	shift
	top=$(curl -s -m 30 "$@" "$url/debug/pprof/heap?format=folded&value=alloc_space" | awk '{ print $NF, $0 }' | sort -rn |
		sed -n '1s/^[0-9]* //; 1s/ [0-9]*$//; 1p' | tr ';' '\n')
	if [[ -z $top ]]; then
		note=$(curl -s -m 30 "$@" "$url/debug/pprof/heap?debug=1" | grep -m1 -o 'no allocation has passed the hooks.*')
		echo "${note:-nothing}" | cell
		return
	fi
	frames=$(wc -l <<<"$top")
	named=$(grep -cvE '^\[|\+0x|^0x|^\?' <<<"$top")
	echo "$named of $frames: $(grep -vE '^\[|\+0x|^0x|^\?' <<<"$top" | tail -n 1 | cut -c 1-40 | cell)"
}
