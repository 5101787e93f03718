# Servers and programs that keep data.
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

start_redis() { "$@" redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$work/here" & }
check_redis() { printf 'set a 1\nincr a\nlpush l x y\nlrange l 0 -1\nconfig get port\nnosuch\n' | redis-cli -p "$port"; }
load_redis() {
	redis-benchmark -p "$port" -t get,set -n $((seconds * 40000)) -c 20 --csv |
		awk -F'"' '$2 == "GET" || $2 == "SET" { sum += $4 } END { print sum }'
}

start_memcached() { "$@" memcached -l 127.0.0.1 -p "$port" -u nobody & }
check_memcached() { printf 'set k 0 0 5\r\nhello\r\nget k\r\nincr k 1\r\nquit\r\n' | timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; cat >&3; cat <&3"; }
load_memcached() {
	/usr/bin/python3 - "$port" "$seconds" <<-'EOT'
		import socket, sys, time
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		s.sendall(b"set k 0 0 5\r\nhello\r\n")
		s.recv(100)
		batch, answer, n, start = b"get k\r\n" * 500, len(b"VALUE k 0 5\r\nhello\r\nEND\r\n") * 500, 0, time.time()
		while time.time() < start + int(sys.argv[2]):
		    s.sendall(batch)
		    got = 0
		    while got < answer:
		        got += len(s.recv(1 << 20))
		    n += 500
		print(n / (time.time() - start))
	EOT
}

# as USER COMMAND...: without root, as oneself.
as() {
	local user=$1
	shift
	if [[ $(id -u) -eq 0 ]]; then
		exec setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@"
	fi
	exec "$@"
}

export PGHOST PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=10
prepare_postgresql() {
	[[ $(id -u) -ne 0 ]] || chown postgres "$work/here"
	PGHOST=$work/here
	(as postgres "$postgresql/initdb" -D "$work/here/data" -U postgres -A trust --no-sync)
}
start_postgresql() { (as postgres "$@" "$postgresql/postgres" -D "$work/here/data" -p "$port" -h 127.0.0.1 -k "$work/here" -F) & }
check_postgresql() {
	local i
	for ((i = 0; i < 300; i++)); do
		psql -p "$port" -Atqc 'select 1' >/dev/null 2>&1 && break
		sleep 0.1
	done
	psql -p "$port" -Atc 'drop table if exists t; create table t as select i, md5(i::text) m from generate_series(1, 20000) i;
		select count(*), max(m) from t; select 1 / 0' -c 'select sum(length(m)) from t'
	pgbench -p "$port" -i -q -s 1 >/dev/null 2>&1
	echo "pgbench -i: $?"
}
load_postgresql() { pgbench -p "$port" -n -S -c 4 -T "$seconds" "${pgbench_options[@]}" | sed -n 's/^tps = \([0-9.]*\).*/\1/p'; }
quit_postgresql() { kill -INT "$server"; }
pgbench_options=()

prepare_mariadb() {
	local user=()
	[[ $(id -u) -ne 0 ]] || user=(--user=mysql)
	mariadb-install-db --no-defaults "${user[@]}" --datadir="$work/here/data" --auth-root-authentication-method=normal --skip-test-db
	chmod 777 "$work/here"
}
start_mariadb() {
	local user=()
	[[ $(id -u) -ne 0 ]] || user=(--user=mysql)
	"$@" mariadbd --no-defaults "${user[@]}" --datadir="$work/here/data" --port="$port" --bind-address=127.0.0.1 --socket="$work/here/socket" \
		--pid-file="$work/here/pid" --innodb-buffer-pool-size=32M --innodb-flush-log-at-trx-commit=0 &
}
mariadb_client() { "$@" --no-defaults -uroot --socket="$work/here/socket"; }
check_mariadb() {
	mariadb_client mariadb -N <<-'EOT'
		create or replace database d;
		use d;
		create table t as select seq i, md5(seq) m from seq_1_to_20000;
		select count(*), max(m) from t;
		select * from missing;
	EOT
}
load_mariadb() {
	mariadb-slap --no-defaults -uroot --socket="$work/here/socket" --concurrency=4 --number-of-queries=$((seconds * 6000)) \
		--auto-generate-sql --auto-generate-sql-load-type=mixed --csv | awk -F, '$3 > 0 { print 1 / $3 }'
}

server_row redis redis redis-server redis-benchmark
server_row memcached memcached memcached
postgresql=$(compgen -G '/usr/lib/postgresql/*/bin' | tail -n 1)
server_row postgresql postgresql "${postgresql:-/usr/lib/postgresql/bin}/postgres" pgbench
pgbench_options=(-C)
server_row "postgresql (pgbench -C)" postgresql "${postgresql:-/usr/lib/postgresql/bin}/postgres" pgbench
server_row mariadb mariadb mariadbd mariadb-slap mariadb-install-db
command_row -s 'sqlite3 :memory: "select 1"' sqlite3 sqlite3 'sqlite3 :memory: "create table t (a integer primary key, b text);
	insert into t with recursive n(i) as (select 1 union all select i + 1 from n where i < 150000) select i, hex(i * 7919) from n;
	create index x on t (b); select count(*), max(b), sum(a) from t where b > 3; select nosuch"'
