# Rows of programs that end by themselves.
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

# run KIND TEXT: a shell that is not profiled starts the program; output and status on standard output, what it used
# in $work/spent. The profiler's own line is left out.
run() {
	local preload=$plain_preload listen=
	[[ $1 == plain ]] || preload=$with_preload listen="export LEAKPROF_LISTEN=127.0.0.1:0;"
	(cd "$work/here" && "$work/spent-run" "$work/spent" bash -c "${preload:+export LD_PRELOAD='$preload';} $listen $2") \
		</dev/null 2>&1 | grep -av '^leakprof: '
	echo "status $(cut -d ' ' -f 1 "$work/spent")"
}

spent() { cut -d ' ' -f "$1" "$work/spent"; } # 2: CPU time, 3: time, 4: memory

# command [-n PROGRAM] [-s TEXT] [-p PRELOAD] [-w PRELOAD] NAME TOOL TEXT
#
#   TEXT  for the shell; run plain and preloaded
#   -n    the program whose names are shown (TOOL)
#   -s    a short run, to measure the start-up
#   -p    what is preloaded without the profiler (nothing); -w what is preloaded with it (the profiler)
command_row() {
	local OPTIND=1 option program='' short='' plain_preload='' with_preload=$lib
	while getopts n:s:p:w: option; do
		case $option in
		n) program=$OPTARG ;; s) short=$OPTARG ;; p) plain_preload=$OPTARG ;; w) with_preload=$OPTARG ;;
		*) return 1 ;;
		esac
	done
	shift $((OPTIND - 1))
	local name=$1 tool=$2 text=$3 round kind result=same speed=- start=- memory=-
	wanted "$name" && installed "$name" "$tool" || return 0
	local -A out=() cpu=() kib=() wall=()
	for ((round = 0; round < (rounds > 0 ? rounds : 1); round++)); do
		for kind in $(order "$round"); do
			out[$kind]=$(run "$kind" "$text")
			cpu[$kind]+=" $(spent 2)" kib[$kind]+=" $(spent 4)"
		done
		[[ ${out[plain]} == "${out[preloaded]}" ]] || {
			result="different: $(diff <(echo "${out[plain]}") <(echo "${out[preloaded]}") | sed -n '2,4p' | cell)"
			break
		}
	done
	if [[ $result == same && $rounds -gt 0 ]]; then
		memory="$(middle "${kib[plain]}" 1024) → $(middle "${kib[preloaded]}" 1024)"
		speed=$(pairs "${cpu[plain]}" "${cpu[preloaded]}")
		[[ -z $short ]] || start=$(started_in "$short")
	fi
	add "$name" "$tool" "$result" "$speed" "$start" "$memory" "$(held "${program:-${tool##*/}}" "$text")"
}

# middle VALUES DIVISOR
middle() {
	local -a values
	read -ra values <<<"$1"
	scaled "$(median "${values[@]}")" "$2"
}

# pairs PLAIN PRELOADED: the median of the ratios of CPU time, as a speed. Less than 0.1 s is not measured.
pairs() {
	local -a a b ratios=()
	local i
	read -ra a <<<"$1"
	read -ra b <<<"$2"
	[[ $(median "${a[@]}") -ge 100000 ]] || { echo - && return; }
	for i in "${!a[@]}"; do ratios+=("$(ratio "${a[i]}" "${b[i]}")"); done
	median "${ratios[@]}"
}

# started_in TEXT: how long a short run takes, in milliseconds.
started_in() {
	local round kind
	local -A wall=()
	for ((round = 0; round < rounds; round++)); do
		for kind in $(order "$round"); do
			run "$kind" "$1" >/dev/null
			wall[$kind]+=" $(spent 3)"
		done
	done
	echo "$(middle "${wall[plain]}" 1000) → $(middle "${wall[preloaded]}" 1000)"
}

# held PROGRAM TEXT: runs it once more, sampling often, and reads its profile when it exits.
held() {
	local job pid result="-"
	((rounds > 0)) || { echo - && return; }
	rm -f "$work/hold" "$work"/sock.*
	(cd "$work/here" && HOLD=$work/hold HOLD_PROGRAM=$1 exec timeout 40 bash -c "
		export LD_PRELOAD='$work/hold.so $with_preload' LEAKPROF_RATE=1024 LEAKPROF_PROGRAM='$1' LEAKPROF_LISTEN='unix:$work/sock.%p'; $2") \
		</dev/null >/dev/null 2>&1 &
	job=$!
	while [[ ! -s $work/hold ]] && kill -0 "$job" 2>/dev/null; do sleep 0.05; done
	if [[ -s $work/hold ]]; then
		pid=$(<"$work/hold")
		result="not served"
		[[ ! -S $work/sock.$pid ]] || result=$(names http://localhost --unix-socket "$work/sock.$pid")
		rm -f "$work/hold"
	fi
	wait "$job"
	echo "$result"
}
