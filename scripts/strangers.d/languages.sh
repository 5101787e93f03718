# Languages, compilers and tools of developers.
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/strangers

command_row -s 'perl -e 1' perl perl 'perl -e "my %h; \$h{\$_ % 50000} .= \"x\" for 1 .. 1000000; print scalar(keys %h), \"\n\"; \$t = time; sleep 1; print time - \$t >= 1, \"\n\""'
command_row -s '/usr/bin/python3 -c 1' python3 /usr/bin/python3 '/usr/bin/python3 -c "
import json, subprocess, threading
print(sum(len(json.dumps([{str(i): i} for i in range(1000)])) for _ in range(200)))
t = [threading.Thread(target=lambda: sorted(map(str, range(50000)))) for _ in range(4)]
[x.start() for x in t]; [x.join() for x in t]
print(subprocess.check_output([\"echo\", \"child\"]))"'
command_row -s 'ruby -e 1' ruby ruby 'ruby -e "a = (1 .. 600000).map(&:to_s); p a.join.size; p fork { exit 3 } > 0; Process.wait; p \$?.exitstatus"'
command_row -s 'node -e 1' node node 'node -e "let s = 0; for (let j = 0; j < 40; j++) { const a = []; for (let i = 0; i < 1e5; i++) a.push({i}); s += a.length } console.log(s)"'
command_row -s 'java -version' openjdk java 'echo "class A { public static void main(String[] a) { long s = 0; for (int i = 0; i < 3000000; i++) s += new byte[100 + i % 50].length; System.out.println(s); } }" >A.java && java A.java'

# 100 functions, to compile.
# shellcheck disable=SC2034
many='for i in $(seq 100); do echo "int f$i(int a) { int s = 0; for (int i = 0; i < a; i++) s += i * a ^ $i; return s; }"; done >many.c
	echo "int f9(int); int main(void) { return f9(7) & 127; }" >main.c'
command_row -n cc1 -s 'gcc --version' gcc gcc "$many; gcc -O2 -o a main.c many.c && ./a; echo \$?; gcc -c nosuch.c"
command_row -n clang -s 'clang --version' clang clang "$many; clang -O2 -o a main.c many.c && ./a; echo \$?; clang -c nosuch.c"
command_row -s 'make --version' make make 'printf "all: a b c d\n%%:\n\t@echo \$@ >/dev/null\n\t@head -c 20000000 /dev/zero | cksum >/dev/null\nbad:\n\tfalse\n" >Makefile.x &&
	make -j2 -f Makefile.x; echo $?; make -j2 -f Makefile.x bad; echo $?'
command_row -s 'git --version' git git 'rm -rf g; git init -q g && cd g && for i in $(seq 100); do seq $i 3000 >f$i; done && git add . &&
	git -c user.name=a -c user.email=a@b commit -q --date=2020-01-01T00:00:00Z -m x && git log --format=%s && git gc -q && git fsck; cd .. && rm -rf g'

# What cannot be preloaded, and what takes its memory from the kernel itself.
prepare_static() {
	cat >"$work/static.c" <<-'EOT'
		#include <stdio.h>
		#include <stdlib.h>
		int main(void) { long s = 0; for (int i = 0; i < 10000000; i++) { char *p = malloc(100 + i % 9); p[0] = 1; s += p[0]; free(p); } printf("%ld\n", s); }
	EOT
	gcc -O1 -fno-builtin -static -o "$work/static" "$work/static.c"
}
prepare_go() { # CGO_ENABLED
	local import=
	[[ $1 -eq 0 ]] || import='import "C"'
	mkdir -p "$work/go" && printf 'package main\n%s\nimport ("fmt"; "os"; "time")\nvar keep []byte\nfunc main() { s := 0; for i := 0; i < 5000000; i++ { keep = make([]byte, 100+i%%9); s += len(keep) }; fmt.Println(s); if f := os.Getenv("HOLD"); f != "" { os.WriteFile(f, []byte(fmt.Sprint(os.Getpid())), 0600); for { if _, e := os.Stat(f); e != nil { break }; time.Sleep(20000000) } } }\n' "$import" >"$work/go/a.go"
	(cd "$work/go" && GOCACHE=${XDG_CACHE_HOME:-$HOME/.cache}/go-build GO111MODULE=off CGO_ENABLED=$1 go build -o "$work/go$1" a.go)
}
! wanted static || prepare_static
command_row static "$work/static" "$work/static"
! wanted "go (static)" || ! command -v go >/dev/null || prepare_go 0
command_row "go (static)" "$work/go0" "$work/go0"
! wanted "go (cgo)" || ! command -v go >/dev/null || prepare_go 1
command_row "go (cgo)" "$work/go1" "$work/go1"
