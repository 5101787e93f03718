# Turns measurements into rows, and rows into a table. Measurements are files in $work with one number per line,
# named after what was measured. Sourced by bench.
# shellcheck shell=bash disable=SC2154

rows="$work/rows"
# Goals are "<=1.03", "<100", ">=0.9", or a range, "90..99".
row() { # NAME VALUE UNIT [GOAL]
	jq -cn --arg name "$1" --arg value "$2" --arg unit "$3" --arg goal "${4:-}" '
		($value | tonumber) as $v | {name: $name, value: $v, unit: $unit} +
		if $goal == "" then {} else
			{goal: $goal, met: (
				if $goal | test("^[0-9.]+[.][.][0-9.]+$") then
					$goal | split("..") | map(tonumber) | .[0] <= $v and $v <= .[1]
				else
					$goal | capture("^(?<op>[<>]=?)(?<limit>[0-9.]+)$") | .limit |= tonumber |
					if .op == "<=" then $v <= .limit elif .op == "<" then $v < .limit else $v >= .limit end
				end)}
		end' >>"$rows"
}

# no_row NAME WHY: adds a row for what could not be measured, with the reason.
no_row() {
	jq -cn --arg name "$1" --arg why "$2" '{name: $name, value: null, unit: "", why: $why}' >>"$rows"
}

percentile() { # PERCENT; of the numbers on standard input
	sort -g | awk -v p="$1" '{ x[NR] = $1 }
		END { if (NR == 0) exit 1
			i = (NR - 1) * p / 100; f = int(i); print x[f + 1] + (i - f) * (x[f + (f < NR - 1) + 1] - x[f + 1]) }'
}
median() { percentile 50 <"$work/$1"; }
longest() { percentile 100 <"$work/$1"; }

# ratios A B: line by line, because one line of each was measured in the same round.
ratios() { paste "$work/$1" "$work/$2" | awk '{ print $1 / $2 }'; }
ratio() { ratios "$@" | percentile 50; }

print_table() { # FILE: also gets the rows
	jq -s --arg kernel "$(uname -r)" --arg cpu "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
		--argjson cpus "$cpus" --argjson load "$load" \
		'{cpu: $cpu, cpus: $cpus, kernel: $kernel, load_before: $load, rows: .}' "$rows" >"$1"
	jq -r '.rows[] | [.name, .value // .why, .unit, .goal // "",
		if has("met") | not then "" elif .met then "met" else "MISSED" end] | @tsv' "$1" | awk -F '\t' '
		BEGIN { printf "%-62s %12s  %-12s %8s\n", "what", "measured", "", "goal" }
		{ digits = $3 == "x" ? 3 : $2 + 0 < 10 ? 2 : $2 + 0 < 1000 ? 1 : 0
		  value = $2 ~ /^[-0-9.e+]+$/ ? sprintf("%.*f", digits, $2) : $2
		  printf "%-62s %12s  %-12s %8s  %s\n", $1, value, $3, $4, $5 }'
}
