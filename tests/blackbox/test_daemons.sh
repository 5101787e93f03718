# Debian's daemons, which leave their parent and fork their workers. Each is skipped where it is not installed.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh

stop_daemon() { # of a test that failed
	local file
	for file in "$work/pid" "$work/data/postmaster.pid"; do
		[[ ! -s $file ]] || kill "$(head -n 1 "$file")" 2>/dev/null || true
	done
}

# daemon_needs PROGRAM…: installed. Sets $lib to a library that every user can read, $port and $pprof to a port that was
# free just now, and $other to another one.
daemon_needs() {
	needs_preload
	local program
	for program in "$@"; do
		[[ -n $(command -v "$program") ]] || skip "$program is not installed"
	done
	public_library
	chmod 711 "$work"
	trap 'stop_daemon; stop_server' EXIT
	preload 0 sleep 60
	other=${pprof##*:}
	ended
	preload 0 sleep 60
	port=${pprof##*:}
	ended
}

processes() { # lines of pid, parent, URL or "none"
	curl -sS -m 60 "$pprof/debug/processes" 2>/dev/null | jq -r '.processes[] | "\(.pid) \(.parent) \(.url // "none")"'
}

workers() { # N PARENT: has the process N children with an address?
	[[ $(processes | awk -v parent="$2" '$2 == parent && $3 ~ /^http/' | wc -l) -ge $1 ]]
}

sound() { # BASE
	curl -sS -m 60 "$1/debug/pprof/heap" | gunzip -t
	[[ $(curl -sS -m 60 "$1/debug/pprof/threads?debug=1") =~ total\ [1-9] ]] || fail "no threads at $1"
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

test_memcached() {
	: "memcached -d is served at the port that its parent had"
	daemon_needs memcached
	local user=() daemon
	[[ $(id -u) -ne 0 ]] || user=(-u root)
	LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:$port memcached -d "${user[@]}" -l 127.0.0.1 -p "$other" -P "$work/pid" 2>"$work/err"
	pprof=http://127.0.0.1:$port
	equal "what is said" "$(<"$work/err")" "leakprof: $pprof/debug/pprof/"
	wait_for 20 test -s "$work/pid"
	daemon=$(<"$work/pid")
	wait_for 20 curl -sf -o "$work/body" "$pprof/debug/processes"
	equal pid "$(jq .pid "$work/body")" "$daemon"
	sound "$pprof"
	contains "$(prof '/debug/pprof/threads?debug=2')" memcached
	kill "$daemon"
	wait_for 20 gone "$daemon"
}

test_nginx() {
	: "the workers of nginx are served, also those of a new configuration"
	daemon_needs nginx
	local master url
	mkdir "$work/www"
	printf '%s\n' "pid $work/pid; error_log $work/log; worker_processes 2;" \
		"events {} http { access_log off; server { listen 127.0.0.1:$other; root $work/www; } }" >"$work/conf"
	LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:$port nginx -c "$work/conf" 2>"$work/err"
	pprof=http://127.0.0.1:$port
	wait_for 20 test -s "$work/pid"
	master=$(<"$work/pid")
	wait_for 20 workers 2 "$master"
	for url in $(processes | awk '{ print $3 }' | grep http); do sound "$url"; done
	equal "nginx itself" "$(curl -s -o "$work/body" -w '%{http_code}' "http://127.0.0.1:$other/none")" 404
	local old
	old=$(processes | awk -v parent="$master" '$2 == parent { print $1; exit }')
	kill -HUP "$master"
	wait_for 20 gone "$old"
	wait_for 20 workers 2 "$master"
	kill -QUIT "$master"
	wait_for 20 gone "$master"
	equal "what is said" "$(<"$work/err")" "leakprof: $pprof/debug/pprof/"
}

test_apache() {
	: "the workers of apache's prefork model are served"
	daemon_needs apache2
	local modules=/usr/lib/apache2/modules master url
	[[ -e $modules/mod_mpm_prefork.so ]] || skip "apache has no prefork model"
	printf '%s\n' "ServerRoot $work" "ServerName localhost" "PidFile $work/pid" "Listen 127.0.0.1:$other" "ErrorLog $work/log" \
		"LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so" "LoadModule authz_core_module $modules/mod_authz_core.so" \
		"StartServers 2" "MinSpareServers 2" "MaxSpareServers 2" "DocumentRoot $work" >"$work/conf"
	[[ $(id -u) -ne 0 ]] || echo "User www-data" >>"$work/conf"
	LD_PRELOAD=$lib LEAKPROF_LISTEN=127.0.0.1:$port apache2 -f "$work/conf" 2>"$work/err"
	pprof=http://127.0.0.1:$port
	wait_for 20 test -s "$work/pid"
	master=$(<"$work/pid")
	wait_for 20 workers 2 "$master"
	for url in $(processes | awk '{ print $3 }' | grep http); do sound "$url"; done
	[[ $(curl -s -o "$work/body" -w '%{http_code}' "http://127.0.0.1:$other/none") =~ ^[1-5] ]] || fail "apache does not answer"
	kill -TERM "$master"
	wait_for 20 gone "$master"
}

# as_postgres COMMAND…
as_postgres() {
	if [[ $(id -u) -eq 0 ]]; then setpriv --reuid postgres --regid postgres --clear-groups "$@"; else "$@"; fi
}

test_postgres() {
	: "each process of PostgreSQL is served, also those that it forks in signal handlers"
	needs_preload
	local bin server url data=$work/data options
	bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1) || true
	[[ -x $bin/postgres ]] || skip "PostgreSQL is not installed"
	daemon_needs setpriv
	mkdir "$data"
	[[ $(id -u) -ne 0 ]] || { id postgres >"$work/body" || skip "there is no user postgres"; chown postgres: "$data"; }
	as_postgres "$bin/initdb" -D "$data" -A trust --no-sync >"$work/body"
	options="-p $other -k $data -c listen_addresses= -c fsync=off"
	as_postgres env LD_PRELOAD="$lib" LEAKPROF_LISTEN="127.0.0.1:$port" LEAKPROF_PROGRAM=postgres \
		"$bin/pg_ctl" -D "$data" -o "$options" -l "$data/log" -w start >"$work/out" 2>"$work/err"
	pprof=http://127.0.0.1:$port
	server=$(head -n 1 "$data/postmaster.pid")
	wait_for 20 workers 5 "$server"
	as_postgres "$bin/psql" -h "$data" -p "$other" -c 'select pg_sleep(20)' postgres >"$work/body" 2>&1 &
	pid=$!
	wait_for 20 workers 6 "$server"
	for url in $(processes | awk '{ print $3 }' | grep http); do sound "$url"; done
	kill "$pid"
	wait "$pid" || true
	pid=
	as_postgres "$bin/pg_ctl" -D "$data" -m fast -w stop >"$work/body"
	equal "what is said" "$(grep -c leakprof "$data/log")" 1
}

run_tests
