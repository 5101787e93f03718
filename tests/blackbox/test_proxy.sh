# TLS by a proxy in front of the playground and its profiler: the configurations of scripts/proxy/ as they are, with
# other ports.
# shellcheck shell=bash disable=SC2317
. tests/blackbox/lib.sh
token=0123456789abcdef-token
domain=leak.example.org
proxy_pid=
eval "stop_only_$(declare -f stop_server)"
stop_server() { # at the end of every test, also if it fails
	stop_proxy
	stop_only_stop_server
}

free_port() {
	local port
	until port=$((20000 + RANDOM % 10000)) && [[ -z $(ss -Hltn "sport = :$port") ]]; do :; done
	echo "$port"
}

stop_proxy() {
	[[ -z $proxy_pid ]] || kill "$proxy_pid" 2>/dev/null || true
	[[ -z $proxy_pid ]] || wait "$proxy_pid" 2>/dev/null || true
	proxy_pid=
}

certificate() {
	command -v openssl >/dev/null || skip "openssl is not installed"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$domain" \
		-addext "subjectAltName=DNS:$domain" -keyout "$work/key.pem" -out "$work/cert.pem" 2>"$work/openssl"
	cat "$work/cert.pem" "$work/key.pem" >"$work/cert-and-key.pem"
}

# configuration FILE: with this test's ports and files.
configuration() {
	sed "s#127.0.0.1:8080#${url#http://}#g; s#127.0.0.1:6060#${pprof#http://}#g; s#/etc/leakyard/#$work/#g
		s#\(listen \|bind :\)443#\1$site#; s#\(listen \|bind :\)6443#\1$profiler#
		s#$domain:6443#$domain:$profiler#g; s#$domain:443#$domain:$site#g
		s#\"https://$domain\"#\"https://$domain:$site\"#; s#origin) https://$domain }#origin) https://$domain:$site }#
		s#bind :#bind 127.0.0.1:#; s#listen \([0-9]\)#listen 127.0.0.1:\1#" "scripts/proxy/$1"
}

under_token() {
	[[ -z ${SANITIZE:-} ]] || skip "the proxies are tested with the plain build"
	(umask 077 && echo "$token" >"$work/token")
	serve --token-file "$work/token"
	certificate
	site=$(free_port)
	until profiler=$(free_port) && [[ $profiler != "$site" ]]; do :; done
	curl=(curl -sS -m 30 --cacert "$work/cert.pem" --resolve "$domain:$site:127.0.0.1" --resolve "$domain:$profiler:127.0.0.1"
		--resolve "other.example:$site:127.0.0.1")
	with=(-H "Authorization: Bearer $token")
}

status_of() { # CURL…: the status, 000 if the connection was closed
	"${curl[@]}" -o "$work/body" -w '%{http_code}' "$@" 2>>"$work/curl" || true
}

proxied() { # what must hold behind each proxy
	local here=https://$domain:$site there=https://$domain:$profiler
	wait_for 20 reached
	equal "health" "$(status_of "$here/healthz")" 200
	equal "without a token" "$(status_of "$here/stats")" 401
	equal "with it" "$(status_of "${with[@]}" "$here/stats")" 200
	equal "the password" "$(status_of -u "me:$token" "$here/stats")" 200
	equal "the profiler without a token" "$(status_of "$there/debug/pprof/heap")" 401
	equal "the profiler" "$(status_of "${with[@]}" "$there/debug/pprof/heap")" 200
	gzip -t <"$work/body"
	equal "a leak" "$(status_of "${with[@]}" -X POST -H "Origin: $here" -H 'Sec-Fetch-Site: same-origin' "$here/leak/slice")" 200
	equal "a page of another site" "$(status_of "${with[@]}" -X POST -H 'Origin: https://evil.example' "$here/reset")" 403
	equal "a page of the other port" "$(status_of "${with[@]}" -X POST -H "Origin: $there" "$here/reset")" 403
	equal "another site's image" "$(status_of "${with[@]}" -H 'Sec-Fetch-Site: cross-site' "$here/leak/slice")" 403
	equal "the profiler's page" "$(status_of "${with[@]}" -X POST -H "Origin: $there" "$there/debug/snapshots")" 201
	case $(status_of "${with[@]}" -k "https://other.example:$site/stats") in
	000 | 421) ;;
	*) fail "another name is answered: $(<"$work/body")" ;;
	esac
	equal "without TLS" "$(curl -s -m 10 -o "$work/body" -w '%{http_code}' "http://127.0.0.1:$site/stats" || true)" "${1:-400}"
	streams "$there"
}

reached() {
	[[ $(status_of "https://$domain:$site/healthz") == 200 && $(status_of "https://$domain:$profiler/debug/pprof/") == 401 ]]
}

# An event comes while the stream goes on.
streams() {
	local reader
	"${curl[@]}" -N "${with[@]}" "$1/debug/live" >"$work/events" 2>>"$work/curl" &
	reader=$!
	wait_for 20 test -s "$work/events"
	local first
	first=$(stat -c %s "$work/events")
	wait_for 20 grew "$first"
	kill -0 "$reader" || fail "the stream has ended: $(<"$work/curl")"
	kill "$reader"
	wait "$reader" || true
}

grew() {
	[[ $(stat -c %s "$work/events") -gt $1 ]]
}

test_nginx() {
	: "behind nginx: TLS, the token, the checks of Host and Origin, and a stream that is not held back"
	command -v nginx >/dev/null || skip "nginx is not installed"
	under_token
	mkdir -p "$work/nginx"
	configuration nginx.conf >"$work/leakyard.conf"
	local kind temporary=
	for kind in client_body proxy fastcgi uwsgi scgi; do temporary+="${kind}_temp_path $work/nginx/$kind; "; done
	cat >"$work/nginx.conf" <<-END
		pid $work/nginx/pid;
		error_log $work/nginx/errors;
		$([[ $(id -u) -ne 0 ]] || echo 'user root;')
		events {}
		http { access_log off; $temporary include $work/leakyard.conf; }
	END
	nginx -t -q -p "$work/nginx" -c "$work/nginx.conf" -e "$work/nginx/errors"
	nginx -p "$work/nginx" -c "$work/nginx.conf" -e "$work/nginx/errors" -g 'daemon off;' &
	proxy_pid=$!
	proxied
	stop_proxy
}

test_haproxy() {
	: "behind HAProxy: the same"
	command -v haproxy >/dev/null || skip "HAProxy is not installed"
	under_token
	configuration haproxy.cfg >"$work/haproxy.cfg"
	haproxy -c -q -f "$work/haproxy.cfg"
	haproxy -db -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1 &
	proxy_pid=$!
	proxied 000
	stop_proxy
}

run_tests
