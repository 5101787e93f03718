# Servers of the network, and clients.
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

prepare_named() {
	printf '$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 127.0.0.1\nb AAAA ::1\nt TXT "hello"\n' >"$work/here/zone"
	printf '%s.x A\n' a b c d | sed 's/^b.x A/b.x AAAA/' >"$work/here/queries"
	chmod 777 "$work/here"
}
start_named() {
	local user=()
	[[ $(id -u) -ne 0 ]] || user=(-u bind)
	cat >"$work/here/named.conf" <<-EOT
		options { directory "$work/here"; pid-file none; session-keyfile none; listen-on port $port { 127.0.0.1; };
			listen-on-v6 { none; }; recursion no; dnssec-validation no; };
		controls {};
		zone "x" { type master; file "$work/here/zone"; };
	EOT
	"$@" named -g "${user[@]}" -n 2 -c "$work/here/named.conf" &
}
check_named() {
	local i name
	for ((i = 0; i < 100; i++)); do
		dig -p "$port" @127.0.0.1 +short a.x | grep -q 127 && break
		sleep 0.1
	done
	for name in 'a.x' 'b.x AAAA' 't.x TXT' 'missing.x' 'a.x +tcp'; do
		# shellcheck disable=SC2086
		dig -p "$port" @127.0.0.1 +nocookie +noall +answer +comments $name | grep -v ' id: '
	done
}
load_named() { dnsperf -s 127.0.0.1 -p "$port" -d "$work/here/queries" -l "$seconds" -c 4 2>&1 | awk '/Queries per second/ { print $4 }'; }

prepare_sshd() {
	ssh-keygen -q -t ed25519 -N '' -f "$work/here/host" && ssh-keygen -q -t ed25519 -N '' -f "$work/here/key" || return
	cp "$work/here/key.pub" "$work/here/authorized"
	[[ $(id -u) -ne 0 ]] || mkdir -p /run/sshd
}
start_sshd() {
	"$@" "$(command -v sshd)" -D -e -f /dev/null -p "$port" -o ListenAddress=127.0.0.1 -h "$work/here/host" -o PidFile=none -o UsePAM=no \
		-o AuthorizedKeysFile="$work/here/authorized" -o StrictModes=no -o PermitRootLogin=yes -o MaxStartups=100 &
}
login() {
	ssh -F none -i "$work/here/key" -p "$port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
		-o BatchMode=yes "$(id -un)@127.0.0.1" "$@" </dev/null
}
check_sshd() {
	login 'id -u; echo hello; env | grep -cE "LD_PRELOAD|LEAKPROF"; exit 3'
	echo "status $?"
}
load_sshd() {
	local n=0 start
	start=$(now_us)
	while (($(now_us) < start + seconds * 1000000)); do login true && n=$((n + 1)); done
	ratio "$n" "$(($(now_us) - start))e-6"
}

start_mosquitto() {
	printf 'listener %s 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_type none\n' "$port" >"$work/here/mosquitto.conf"
	"$@" mosquitto -c "$work/here/mosquitto.conf" &
}
# messages NUMBER: through the server, by one client to another. Prints what comes out.
messages() {
	mosquitto_pub -p "$port" -t t -r -m ready && mosquitto_sub -p "$port" -t t -q 1 -C $(($1 + 1)) -W 60 >"$work/here/got" &
	local subscriber=$!
	until [[ -s $work/here/got ]] || ! kill -0 "$subscriber" 2>/dev/null; do sleep 0.01; done
	seq "$1" | mosquitto_pub -p "$port" -t t -q 1 -l
	wait "$subscriber"
	cat "$work/here/got"
	: >"$work/here/got"
}
check_mosquitto() { messages 100; }
load_mosquitto() {
	local start n=$((seconds * 20000))
	start=$(now_us)
	messages $n >/dev/null
	ratio "$n" "$(($(now_us) - start))e-6"
}

server_row named named named dnsperf dig
server_row sshd sshd sshd ssh
server_row mosquitto mosquitto mosquitto mosquitto_pub
command_row -s 'curl -V' curl curl 'curl -s http://127.0.0.1:1/; echo $?; for i in 1 2 3; do curl -s file:///usr/bin/gdb /etc/passwd | sha256sum; done'
command_row -s 'openssl version' openssl openssl 'head -c 200000000 /dev/zero | openssl dgst -sha256; openssl prime 65537
	openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:1024 2>/dev/null | openssl rsa -check -noout'
