# Every lab is complete, and every command in it runs.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/documents.sh

# A lab has all its parts, and its commands run; "build/" is this test's.
for lab in leaks/*.md; do
	id=${lab##*/} id=${id%.md}
	[[ $id != README && $id != TRAINER ]] || continue
	eval "test_lab_${id//-/_}() {
		: \"the lab of $id has all its parts, and every command in it runs\"
		lab_runs $id
	}"
done

lab_runs() { # SCENE
	local part log=$work/lab.log
	[[ -z ${SANITIZE:-} ]] || skip "labs are for the plain build"
	for part in "The symptom" "What to run" "What you see" "How to read it" "Hints" "The answer" "In the wild"; do
		grep -qx "## $part" "leaks/$1.md" || fail "no part \"$part\""
	done
	equal hints "$(grep -c '^<details>' "leaks/$1.md")" 3
	serve --budget-mem 512M
	runs "leaks/$1.md" >"$log" 2>&1 || fail "$(tail -n 30 "$log")"
	equal "the lab as served" "$(get "/scenes/$1/lab")" "$(<"leaks/$1.md")"
}

run_tests
