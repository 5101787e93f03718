# Web servers and proxies.
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

check_web() {
	local path
	for path in / /missing; do curl -s -m 10 -w '%{http_code}\n' "http://127.0.0.1:$port$path"; done
}
load_web() { wrk -t1 -c8 -d"${seconds}s" "http://127.0.0.1:$port/" | awk '/^Requests\/sec/ { print $2 }'; }
prepare_web() { mkdir -m 755 "$work/here/www" && echo hello >"$work/here/www/index.html"; }

prepare_nginx() { prepare_web; }
start_nginx() {
	cat >"$work/here/nginx.conf" <<-EOT
		daemon off; pid $work/here/nginx.pid; error_log $work/here/error.log; worker_processes 2;
		events {}
		http { access_log off; server { listen 127.0.0.1:$port; root $work/here/www; } }
	EOT
	"$@" nginx -c "$work/here/nginx.conf" &
}
check_nginx() {
	check_web
	kill -HUP "$server" && sleep 0.3 # it starts new workers
	check_web
}
load_nginx() { load_web; }
quit_nginx() { kill -QUIT "$server"; }

start_haproxy() {
	cat >"$work/here/haproxy.cfg" <<-EOT
		global
		 chroot $work/here
		 $([[ $(id -u) -ne 0 ]] || echo user nobody)
		defaults
		 mode http
		 timeout client 5s
		 timeout server 5s
		 timeout connect 5s
		frontend f
		 bind 127.0.0.1:$port
		 http-request return status 200 content-type text/plain string hello
	EOT
	[[ $(id -u) -eq 0 ]] || sed -i '/chroot/d' "$work/here/haproxy.cfg"
	"$@" haproxy -db -f "$work/here/haproxy.cfg" &
}
check_haproxy() { check_web; }
load_haproxy() { load_web; }

prepare_lighttpd() { prepare_web; }
start_lighttpd() {
	printf 'server.port = %s\nserver.bind = "127.0.0.1"\nserver.document-root = "%s/www"\nindex-file.names = ("index.html")\n' \
		"$port" "$work/here" >"$work/here/lighttpd.conf"
	"$@" lighttpd -D -f "$work/here/lighttpd.conf" &
}
check_lighttpd() { check_web; }
load_lighttpd() { load_web; }

prepare_apache() { prepare_web; }
start_apache() {
	local modules=/usr/lib/apache2/modules
	cat >"$work/here/apache.conf" <<-EOT
		ServerName localhost
		Listen 127.0.0.1:$port
		LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
		LoadModule authz_core_module $modules/mod_authz_core.so
		LoadModule dir_module $modules/mod_dir.so
		PidFile $work/here/apache.pid
		ErrorLog $work/here/error.log
		DocumentRoot $work/here/www
		StartServers 4
		$([[ $(id -u) -ne 0 ]] || printf 'User www-data\nGroup www-data')
	EOT
	"$@" apache2 -DFOREGROUND -f "$work/here/apache.conf" &
}
check_apache() { check_web; }
load_apache() { load_web; }

# It is its own backend, so that one object is fetched once and cached.
start_varnish() {
	cat >"$work/here/varnish.vcl" <<-EOT
		vcl 4.1;
		backend itself { .host = "127.0.0.1"; .port = "$port"; }
		sub vcl_recv {
			if (req.url == "/missing") { return (synth(404, "missing")); }
			if (req.url == "/inner") { return (synth(200, "hello")); }
		}
		sub vcl_synth { set resp.body = resp.reason; return (deliver); }
		sub vcl_backend_fetch { set bereq.url = "/inner"; }
		sub vcl_backend_response { set beresp.ttl = 1h; }
	EOT
	"$@" varnishd -F -a "127.0.0.1:$port" -f "$work/here/varnish.vcl" -n "$work/here/varnish" -s malloc,16m &
}
check_varnish() { check_web; }
load_varnish() { load_web; }

server_row nginx nginx nginx wrk
server_row haproxy haproxy haproxy wrk
server_row lighttpd lighttpd lighttpd wrk
server_row "apache (prefork)" apache apache2 wrk
server_row varnish varnish varnishd wrk
