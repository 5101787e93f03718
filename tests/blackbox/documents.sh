# What the tests of documents include in place of lib.sh: the commands of a document, run as a script.
# shellcheck shell=bash disable=SC2034
. tests/blackbox/lib.sh
export PPROF_TMPDIR=$work HOME=$work
url='' pprof='' tutorial_port='' other_port='' # what is served, and where a document's own programs may listen

# commands FILE: the ```sh blocks, with the ports and the build of this test's server.
commands() {
	sed -n '/^```sh$/,/^```$/p' "$1" | grep -v '^```' |
		sed "s#127.0.0.1:8080#${url#http://}#g; s#127.0.0.1:6060#${pprof#http://}#g; s#127.0.0.1:6061#127.0.0.1:$tutorial_port#g; s#127.0.0.1:8081#127.0.0.1:$other_port#g; s#build/#$build/#g; s#-d[0-9]*s#-d1s#g"
}

runs() { # FILE: its commands as one script
	local script
	script=$(commands "$1")
	[[ -n $script ]] || fail "no commands in $1"
	# A head that reads on to the end, or a curl that is not done when it has its lines has failed.
	bash -euxo pipefail -c 'trap "kill \$(jobs -p) 2>/dev/null || true" EXIT; head() { command head "$@" && cat >/dev/null; }'$'\n'"$script" </dev/null || fail "$1"
}

# free_port: one that nobody listens on, outside the range that the kernel picks from.
free_port() {
	local port
	until port=$((20000 + RANDOM % 10000)) && [[ -z $(ss -Hltn "sport = :$port") ]]; do :; done
	echo "$port"
}
