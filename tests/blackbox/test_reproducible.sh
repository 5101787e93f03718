# Two builds of the same sources give the same bytes.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

test_two_directories() {
	: "two builds in different directories, with files in another order, give the same bytes"
	[[ -z ${SANITIZE:-} ]] || skip "it is for the plain build"
	[[ ${LEAKYARD_ALL:-} == --all ]] || skip "two whole builds are for scripts/test --all"
	local place
	for place in "$work/one" "$work/another/place"; do
		mkdir -p "$place"
		git ls-files -co --exclude-standard | if [[ $place == */one ]]; then cat; else tac; fi | xargs cp --parents -t "$place"
		(cd "$place" && env -u MAKEFLAGS TZ="$([[ $place == */one ]] && echo UTC || echo Asia/Tokyo)" \
			make -s -j2 reproducible >"$place/sums" 2>"$place/errors") || fail "$(tail -n 20 "$place/errors")"
	done
	equal files "$(grep -c build/reproducible/ "$work/one/sums")" 4
	diff "$work/one/sums" "$work/another/place/sums"
	if grep -qF "$work" "$work/one/build/reproducible/leakyard"; then fail "the directory is in the program"; fi
}

run_tests
