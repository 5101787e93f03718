# Programs that change users, namespaces and roots, and small tools.
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

command_row -s true true true true
command_row sudo sudo 'sudo -n -u nobody id -un; echo $?; sudo -n -u nobody sh -c "exit 3"; echo $?'
command_row su su 'su nobody -s /bin/sh -c "echo in; exit 3"; echo $?'
command_row -s 'setpriv --version' setpriv setpriv 'setpriv --reuid 65534 --regid 65534 --clear-groups id; echo $?'
command_row "setpriv (keepcaps)" setpriv 'setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +chown --ambient-caps +chown grep Cap /proc/self/status; echo $?'
command_row unshare unshare 'unshare -U true; echo $?; unshare -Ur id -u; unshare -n true; echo $?; unshare -pf --mount-proc true; echo $?'
# In a chroot, -m leads out of it.
nsenter -t $$ -m test -e "$lib" 2>/dev/null && into=-m || into=-n
command_row nsenter nsenter "nsenter -t \$\$ $into true; echo \$?; nsenter -t \$\$ -n -u -i id -u"
command_row bwrap bwrap 'bwrap --ro-bind / / --dev /dev --unshare-all id -un; echo $?'
command_row timeout timeout 'timeout 5 sleep 0.2; echo $?; timeout 0.2 sleep 5; echo $?; timeout -s KILL 0.2 sleep 5 | cat; echo ${PIPESTATUS[0]}'
command_row xargs xargs 'seq 200 | xargs -P 4 -n 1 echo | sort -n | cksum'
command_row -s 'qemu-img --version' qemu-img qemu-img 'rm -f d.*; qemu-img create -q -f qcow2 d.img 64M && qemu-img check d.img && head -c 60000000 /dev/zero | tr "\0" x >d.raw &&
	qemu-img convert -c -O qcow2 d.raw d.img && qemu-img compare d.raw d.img; rm -f d.*'

# It refuses root with its sandbox.
chromium() {
	local drop=
	[[ $(id -u) -ne 0 ]] || drop='setpriv --reuid 65534 --regid 65534 --clear-groups'
	# Only lines of the document: it logs the time, and what it does not find on this machine.
	echo "mkdir -p -m 777 c && export HOME=\$PWD/c XDG_RUNTIME_DIR=\$PWD/c && chmod 777 c &&
		$drop chromium --headless --disable-gpu --disable-dev-shm-usage --user-data-dir=\$PWD/c/p\$\$ --dump-dom \
		'data:text/html,<p id=x>hi</p><script>x.textContent=6*7</script>' 2>err; echo \$?; grep -c leakprof.*rror err; rm -rf c"
}
command_row chromium chromium "$(chromium)"
