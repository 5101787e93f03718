# Draws what `make simulate` measured: awk -f loadtest/simulate_curves.awk BEFORE.tsv AFTER.tsv >curves.svg
# Left: power, by recorded events, of all shapes of leaks except those beside other work. Right: how often a cache
# that fills is called leaking, by time constants. Dashed: before. At 33 snapshots, sampled.
BEGIN { FS = "\t"; W = 380; H = 250; L = 50; T = 40 }
FNR == 1 { set++; next }
$2 == "sampled" && $1 ~ /leak|one in|rare|short/ && $1 !~ /beside/ { power[set, $3] += $6; shapes[set, $3]++; if (!seen[$3]++) events[++nevents] = $3 }
$2 == "sampled" && $1 ~ /^fills/ { split($1, part, " "); filled[set, $3, part[2]] = $6; if (!constant[part[2]]++) constants[++nconstants] = part[2] }
function x_of(panel, share) { return L + panel * (W + 70) + share * (W - 20) }
function y_of(percent) { return T + H - percent / 100 * H }
function line(points, colour, dashed) {
	printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s/>\n", points, colour, dashed ? " stroke-dasharray=\"5 4\"" : ""
}
function text(x, y, anchor, words) { printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, words }
function axes(panel, title, label,   p) {
	text(x_of(panel, 0), T - 18, "start", title)
	for (p = 0; p <= 100; p += 25) {
		printf "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ccc\"/>\n", x_of(panel, 0), x_of(panel, 1), y_of(p), y_of(p)
		text(x_of(panel, 0) - 6, y_of(p) + 4, "end", p " %")
	}
	text(x_of(panel, 0.5), T + H + 38, "middle", label)
}
END {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 930 370\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"930\" height=\"370\" fill=\"#fff\"/>\n"
	axes(0, "Leaks that are called leaking", "recorded events in the window")
	for (s = 1; s <= 2; s++) {
		points = ""
		for (i = 1; i <= nevents; i++) points = points sprintf("%.1f,%.1f ", x_of(0, log(events[i] / 6) / log(8)), y_of(power[s, events[i]] / shapes[s, events[i]]))
		line(points, "#1565c0", s == 1)
	}
	for (i = 1; i <= nevents; i++) text(x_of(0, log(events[i] / 6) / log(8)), T + H + 18, "middle", events[i])
	axes(1, "Filling caches that are called leaking", "time constants in the window")
	for (i = 1; i <= nconstants; i++) text(x_of(1, constants[i] / 3), T + H + 18, "middle", constants[i])
	for (s = 1; s <= 2; s++)
		for (e = 12; e <= 60; e += 48) {
			points = ""
			for (i = 1; i <= nconstants; i++) points = points sprintf("%.1f,%.1f ", x_of(1, constants[i] / 3), y_of(filled[s, e, constants[i]]))
			line(points, e == 12 ? "#c62828" : "#2e7d32", s == 1)
		}
	text(x_of(1, 0.5), T + H + 62, "middle", "<tspan fill=\"#c62828\">12 events</tspan>, <tspan fill=\"#2e7d32\">60 events</tspan>; dashed: before")
	text(x_of(0, 0.5), T + H + 62, "middle", "dashed: before")
	print "</svg>"
}
