# Leakyard. `make help` lists the targets. SANITIZE=address|undefined|thread builds the same tree into
# its own directory, and `make tiny` one with very small tables. WERROR=1 makes warnings errors.

SHELL    := /bin/bash
SANITIZE ?=
TINY     ?=
B        := build$(if $(SANITIZE),/$(SANITIZE))$(if $(TINY),/tiny)
CC       ?= gcc
CFLAGS   ?= -O2 -g
PKG      := libevent libevent_extra libprotobuf-c libdw zlib
PKG_server := libcmark jansson

WARN  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(WERROR),-Werror)
BASE  := -std=gnu11 -D_GNU_SOURCE -MMD -MP -fno-omit-frame-pointer -fno-plt $(WARN)
BASE  += $(if $(SANITIZE),-fsanitize=$(SANITIZE) -DLP_SANITIZE_$(SANITIZE))
BASE  += $(if $(TINY),-DLP_TINY_TABLES)
# The same bytes from any directory: the names of source files then begin with leakyard/ in debug information.
BASE  += $(if $(REPRODUCIBLE),-ffile-prefix-map=$(CURDIR)=leakyard)
LDFL  := $(if $(SANITIZE),-fsanitize=$(SANITIZE))
# Hardening, in plain builds. The hooks are left out, because these are on the fast path of every malloc: a stack
# protector would give it a frame. There a file also defines functions that FORTIFY replaces by inline ones. The
# scenes are left out of FORTIFY, which would put other functions into the stacks of the labs. No part is built for
# a shadow stack: the hook of vfork() returns twice. tests/blackbox/test_hardening.sh looks at the result.
have = $(shell echo 'int x;' | $(CC) -Werror $(1) -x c -c - -o /dev/null 2>/dev/null && echo $(1))
level = $(shell echo '\#include <features.h>' | $(CC) -O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(1) -x c -E - >/dev/null 2>&1 && echo $(1))
ifeq ($(SANITIZE),)
HARDEN_hooks := $(call have,-fstack-clash-protection) $(call have,-fcf-protection=none)
HARDEN       := -fstack-protector-strong $(HARDEN_hooks)
FORTIFY      := $(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(firstword $(call level,3) 2))
endif
FULL_RELRO := -Wl,-z,relro -Wl,-z,now
DEPS  := $(shell pkg-config --cflags $(PKG) $(PKG_server) 2>/dev/null)
LIBS  := $(shell pkg-config --libs $(PKG) 2>/dev/null) -liberty -lm -lpthread -ldl -Wl,--push-state,--no-as-needed -lrt -lutil -Wl,--pop-state
# The reporter has a libevent of its own, so that its memory functions are not the program's.
LIBS_reporter := -Wl,--wrap=stderr -l:libevent_extra.a -l:libevent_core.a -Wl,--exclude-libs,libevent_extra.a:libevent_core.a $(filter-out -levent%,$(LIBS))
LIBS_server := $(shell pkg-config --libs $(PKG_server) 2>/dev/null)

# Include paths enforce which parts may include which: leaks/ only itself, profiler/ only itself, server/ itself
# and the public headers, which are copied to $(B)/include.
INC_leaks    := -iquote leaks -iquote $(B)/gen/leaks
INC_profiler := -iquote profiler -iquote $(B)/gen
INC_server   := -iquote server -iquote $(B)/include
INC_tests    := -iquote tests/unit -iquote leaks -iquote profiler -iquote server -iquote $(B)/gen

# The compiler must neither remove a leak nor its frame.
OPT_leaks    := -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free \
                -fno-optimize-sibling-calls -fno-ipa-icf -fno-toplevel-reorder
OPT_profiler := -include profiler/sys/platform.h -fPIC -ftls-model=initial-exec -fvisibility=hidden

SRC_leaks    := $(sort $(wildcard leaks/*.c))
SRC_server   := $(sort $(wildcard server/*.c))
# The profiler has two parts: every process has the recorder, and the reporter is loaded when it is needed.
# Linked programs have both in one archive.
ROOMS_recorder := sys record hooks
ROOMS_reporter := inspect profile symbolize judge write serve
# What only the reporter needs of the rooms below it.
SYS_reporter   := profiler/sys/array.c profiler/sys/table.c
SRC_preloaded  := $(addprefix profiler/,preload.c recorder_calls.c reporter_loaded.c hooks/exit.c hooks/imports.c hooks/main.c)
SRC_recorder   := $(filter-out $(SRC_preloaded) $(SYS_reporter),$(sort $(foreach r,$(ROOMS_recorder),$(wildcard profiler/$(r)/*.c)) $(addprefix profiler/,agent.c config.c leakprof.c)))
SRC_reporter   := $(sort $(foreach r,$(ROOMS_reporter),$(wildcard profiler/$(r)/*.c)) $(SYS_reporter) profiler/reporter.c)
# Two sanitizers own malloc and sigaction. One of them asks for memory before it can watch anything, and has to see
# the program's locks as they are.
LEFT_OUT_address := $(addprefix profiler/hooks/,malloc.c sigactions.c)
LEFT_OUT_thread  := $(addprefix profiler/hooks/,malloc.c maps.c locks.c waits.c sigactions.c)
SRC_recorder := $(filter-out $(LEFT_OUT_$(SANITIZE)),$(SRC_recorder))

# TINY=1 compiles only what has other tables, and takes the rest from the build with large ones (see `tiny`).
LARGE := $(patsubst %/tiny,%,$(B))
OWN   := $(if $(TINY),$(shell grep -l '"record/capacity.h"' $(SRC_recorder)),%)
obj = $(foreach c,$(1),$(if $(filter $(OWN),$(c)),$(B),$(LARGE))/obj/$(c:.c=.o))
OBJ_leaks    := $(call obj,$(SRC_leaks)) $(B)/obj/labs.o $(B)/obj/gen/leaks/message.pb-c.o
OBJ_server   := $(call obj,$(SRC_server)) $(B)/obj/gen/server/files.o
OBJ_recorder := $(call obj,$(SRC_recorder))
OBJ_reporter := $(call obj,$(SRC_reporter)) $(LARGE)/obj/gen/profile.pb-c.o $(LARGE)/obj/gen/files.o

all: $(B)/leakyard $(B)/libleakprof.a $(B)/libleakprof.so $(B)/libleakprof-reporter.so

# The profiler alone, for programs on other systems: without libcmark and jansson.
profiler: $(B)/libleakprof.a $(B)/libleakprof.so $(B)/libleakprof-reporter.so

$(B)/leakyard: $(OBJ_server) $(OBJ_leaks) $(B)/libleakprof.a | $(B)/scenes
	$(CC) $(LDFL) $(FULL_RELRO) -rdynamic -o $@ $(OBJ_server) $(OBJ_leaks) \
	  -Wl,--whole-archive $(B)/libleakprof.a -Wl,--no-whole-archive $(LIBS) $(LIBS_server)
$(B)/libleakprof.a: $(OBJ_recorder) $(OBJ_reporter) $(call obj,profiler/reporter_linked.c)
	rm -f $@ && ar rcsD $@ $^
# profiler/recorder.map and reporter.map list what these two export, tests/blackbox/test_parts.sh what they need.
# Before glibc 2.34 these are libraries of their own. The real functions of some hooks are in them, so all must be there.
LIBS_libc := -Wl,--no-as-needed -lpthread -ldl -lrt -lutil
PART := -shared -Wl,-z,defs -Wl,-z,nodelete $(FULL_RELRO)
$(B)/libleakprof.so: $(OBJ_recorder) $(call obj,$(SRC_preloaded)) profiler/recorder.map
	$(CC) $(LDFL) $(PART) -Wl,-Bsymbolic -Wl,-z,initfirst -Wl,--version-script=profiler/recorder.map -o $@ $(filter %.o,$^) $(LIBS_libc)
# The same with a list of the loaded objects in place of glibc's _dl_find_object(), for the tests. An older glibc
# always needs the list (profiler/record/findobject.h). It differs in four files.
# Tests of what depends on where objects are.
SRC_listed := $(addprefix tests/unit/test_,$(addsuffix .c,code heap loaded maps_whole objectlist privatelib symbols unwind unwindgate))
LISTED := $(addprefix profiler/,record/findobject.c record/objectlist.c hooks/opens.c hooks/imports.c)
OBJ_listed := $(patsubst profiler/%.c,$(B)/listed/obj/%.o,$(LISTED))
$(OBJ_listed): $(B)/listed/obj/%.o: profiler/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE) $(HARDEN_hooks) $(CFLAGS) $(OPT_profiler) $(INC_profiler) $(DEPS) -DLP_OBJECT_LIST -c -o $@ $<
listed: $(B)/listed/libleakprof.so $(B)/fixtures/hidden.so $(B)/fixtures/nested.so $(patsubst tests/unit/%.c,$(B)/listed/unit/%,$(SRC_listed))
$(B)/listed/libleakprof.so: $(filter-out $(call obj,$(LISTED)),$(OBJ_recorder) $(call obj,$(SRC_preloaded))) $(OBJ_listed) profiler/recorder.map $(B)/libleakprof-reporter.so
	$(CC) $(LDFL) $(PART) -Wl,-Bsymbolic -Wl,-z,initfirst -Wl,--version-script=profiler/recorder.map -o $@ $(filter %.o,$^) $(LIBS_libc)
	ln -sfn ../libleakprof-reporter.so $(@D)
	ln -sfn ../fixtures $(@D)
OBJ_listed_linked := $(filter-out %/imports.o,$(OBJ_listed))
$(B)/listed/libleakprof.a: $(B)/libleakprof.a $(OBJ_listed_linked)
	cp $< $@ && ar dD $@ $(notdir $(OBJ_listed_linked)) && ar rsD $@ $(OBJ_listed_linked)
$(B)/libleakprof-reporter.so: $(OBJ_reporter) $(call obj,profiler/reporter_stubs.c profiler/reporter_renew.c profiler/reporter_libevent.c) profiler/reporter.map
	$(CC) $(LDFL) $(PART) -Wl,--version-script=profiler/reporter.map -o $@ $(filter %.o,$^) $(LIBS_reporter) $(LIBS_libc)

# The lab texts, unchanged, under names made from their paths.
LABS := $(filter-out leaks/README.md leaks/TRAINER.md,$(sort $(wildcard leaks/*.md)))
$(B)/obj/labs.o: $(LABS) leaks
	@mkdir -p $(@D)
	ld -r -b binary -z noexecstack -o $@ $(LABS)

# No scene without its place in the catalogue, a row by which it is proven, and a lab.
SCENES := $(patsubst leaks/%.c,%,$(shell grep -l '^const struct scene scene_' $(SRC_leaks)))
$(B)/scenes: $(SRC_leaks) $(LABS) leaks tests/blackbox/catalogue.tsv
	@mkdir -p $(@D)
	@missing=; lacks() { echo "leaks/$$1.c $$2" >&2; missing=yes; }; \
	for id in $(SCENES); do \
	  grep -q "&scene_$${id//-/_}," leaks/catalogue.c || lacks $$id "is not in the list: add it to leaks/catalogue.c"; \
	  grep -q "^$$id"$$'\t' tests/blackbox/catalogue.tsv || \
	    lacks $$id "has no row in tests/blackbox/catalogue.tsv: add one with what a hit leaks, and where"; \
	  [[ -s leaks/$$id.md ]] || lacks $$id "has no lab: write leaks/$$id.md in the form of leaks/slice.md"; \
	done; [[ -z $$missing ]] && touch $@

$(B)/obj/leaks/%.o: leaks/%.c | $(B)/gen/leaks/message.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(BASE) $(HARDEN) $(CFLAGS) $(OPT_leaks) $(INC_leaks) $(DEPS) -c -o $@ $<
PUBLIC := $(patsubst profiler/%,$(B)/include/%,$(wildcard profiler/leakprof*.h))
$(B)/obj/server/%.o: server/%.c | $(PUBLIC) $(B)/include/scene.h
	@mkdir -p $(@D)
	$(CC) $(BASE) $(HARDEN) $(FORTIFY) $(CFLAGS) $(INC_server) $(DEPS) -c -o $@ $<
# The oldest versions that it is tested with are those of Debian 11.
VERSIONS := libevent >= 2.1.12 libunwind >= 1.3.2 libprotobuf-c >= 1.3.3 libdw >= 0.183 zlib >= 1.2.11
$(B)/libraries: Makefile
	@mkdir -p $(@D)
	@pkg-config --print-errors --short-errors --exists '$(VERSIONS)' || \
	  { echo 'leakprof needs $(VERSIONS): scripts/deps build' >&2; false; }
	@for file in libevent_core.a libevent_extra.a; do [[ -e $$($(CC) -print-file-name=$$file) ]] || \
	  { echo "leakprof needs $$file, which belongs to libevent's package for development: scripts/deps build" >&2; false; }; done
	@touch $@
$(B)/obj/profiler/hooks/%.o: HARDENED := $(HARDEN_hooks)
$(B)/obj/profiler/%.o: HARDENED := $(HARDEN) $(FORTIFY)
$(B)/obj/profiler/%.o: profiler/%.c | $(B)/libraries $(B)/gen/profile.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(BASE) $(HARDENED) $(CFLAGS) $(OPT_profiler) $(INC_profiler) $(DEPS) -c -o $@ $<
# The flame graph's style and script, and their hashes, so that a policy can allow only these two.
FLAME := profiler/write/flamegraph.css profiler/write/flamegraph.js
$(B)/obj/profiler/write/flamegraph.o: $(FLAME) $(B)/gen/flamegraph_hashes.h
$(B)/gen/flamegraph_hashes.h: $(FLAME)
	@mkdir -p $(@D)
	for kind in CSS JS; do echo "#define LP_FLAMEGRAPH_$${kind}_SHA256 \"$$(sha256sum <profiler/write/flamegraph.$${kind,,} | \
	  cut -c 1-64 | tr a-f A-F | basenc -d --base16 | base64)\""; done >$@
# The dashboard: our own files, and Debian's library for its charts, with its licence.
CHART := /usr/share/javascript/chart.js/chart.min.js
CHART_LICENCE := /usr/share/doc/libjs-chart.js/copyright
UI := $(sort $(wildcard profiler/ui/*.*))
$(B)/gen/files.c: profiler/ui/embed $(UI) $(CHART) $(CHART_LICENCE) profiler/ui
	@mkdir -p $(@D)
	$< lp_files $(B)/gen/files $(foreach f,$(UI),$(notdir $f)=$f) chart.js=$(CHART) licence.txt=$(CHART_LICENCE) >$@.new
	mv $@.new $@
$(CHART) $(CHART_LICENCE):
	@echo "$@ is missing: apt-get install libjs-chart.js (or scripts/deps build)" >&2; false
# The playground's page, put into the program in the same way. It shares two files with the dashboard.
UI_server := $(sort $(wildcard server/ui/*.*)) profiler/ui/theme.css profiler/ui/dom.js
$(B)/gen/server/files.c: profiler/ui/embed $(UI_server) server/ui
	@mkdir -p $(@D)
	$< page_files $(B)/gen/server/files $(foreach f,$(UI_server),$(notdir $f)=$f) >$@.new
	mv $@.new $@
$(B)/obj/gen/server/%.o: $(B)/gen/server/%.c | $(PUBLIC)
	@mkdir -p $(@D)
	$(CC) $(BASE) $(HARDEN) $(FORTIFY) $(CFLAGS) $(INC_server) -c -o $@ $<
$(B)/obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE) $(HARDEN) $(FORTIFY) $(CFLAGS) $(OPT_profiler) $(INC_profiler) $(DEPS) -c -o $@ $<
$(B)/gen/profile.pb-c.c $(B)/gen/profile.pb-c.h &: profiler/write/profile.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=profiler/write --c_out=$(B)/gen profile.proto
$(B)/gen/leaks/message.pb-c.c $(B)/gen/leaks/message.pb-c.h &: leaks/message.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=leaks --c_out=$(B)/gen/leaks message.proto
$(PUBLIC): $(B)/include/%: profiler/%
	@mkdir -p $(@D) && cp $< $@
$(B)/include/scene.h: leaks/scene.h
	@mkdir -p $(@D) && cp $< $@

# Unit tests: one program per file, with the profiler linked in. Those in tests/tiny need TINY=1.
DIR_unit := tests/$(if $(TINY),tiny,unit)
SRC_unit := $(sort $(wildcard $(DIR_unit)/test_*.c))
unit: $(patsubst $(DIR_unit)/%.c,$(B)/unit/%,$(SRC_unit)) $(if $(TINY),,$(B)/fixtures/hidden.so $(B)/fixtures/nested.so)
tiny: all
	$(MAKE) TINY=1 unit build/$(if $(SANITIZE),$(SANITIZE)/)tiny/libleakprof.so build/$(if $(SANITIZE),$(SANITIZE)/)tiny/libleakprof-reporter.so
$(B)/unit/%: $(DIR_unit)/%.c $(B)/libleakprof.a
	@mkdir -p $(@D)
	$(CC) $(BASE) $(CFLAGS) $(INC_tests) -include tests/older.h $(DEPS) $(LDFL) -rdynamic -MF $(B)/obj/$*.d -o $@ $< \
	  -Wl,--whole-archive $(B)/libleakprof.a -Wl,--no-whole-archive $(LIBS) -lcmocka -ljansson

# Unit tests with the list of loaded objects.
$(B)/listed/unit/%: tests/unit/%.c $(B)/listed/libleakprof.a
	@mkdir -p $(@D)
	$(CC) $(BASE) $(CFLAGS) $(INC_tests) -include tests/older.h $(DEPS) $(LDFL) -rdynamic -DLP_OBJECT_LIST -MF $(B)/listed/obj/$*.d -o $@ $< \
	  -Wl,--whole-archive $(B)/listed/libleakprof.a -Wl,--no-whole-archive $(LIBS) -lcmocka -ljansson

$(B)/unit/test_lab: LIBS += $(LIBS_server)

# Stress tests to run with libleakprof.so preloaded; see tests/blackbox/test_torture.sh.
torture: $(B)/torture $(B)/lifetime $(B)/plugin.so $(B)/forks $(B)/jit
$(B)/torture $(B)/lifetime: $(B)/%: tests/torture/%.cc profiler/leakprof.h
	$(CXX) -std=c++17 -O2 -g -Wall -Wextra -D_GNU_SOURCE -fno-builtin -iquote profiler -o $@ $< -lpthread -ldl
$(B)/plugin.so: tests/torture/plugin.cc
	$(CXX) -std=c++17 -O2 -g -Wall -Wextra -fPIC -fno-optimize-sibling-calls -shared -o $@ $<

$(B)/forks $(B)/jit: $(B)/%: tests/torture/%.c
	$(CC) -O2 -g -Wall -Wextra -D_GNU_SOURCE -o $@ $< -lpthread -ldl

# The scenes without the server, for the tools that the matrix runs.
bare: $(B)/bare
$(B)/bare: tests/bare/bare.c $(OBJ_leaks)
	$(CC) $(BASE) $(CFLAGS) $(INC_leaks) $(DEPS) $(LDFL) -MF $(B)/obj/bare.d -rdynamic -o $@ $< $(OBJ_leaks) $(LIBS)

# Programs and libraries whose names are looked up; see tests/blackbox/test_symbols.sh. The profiler
# is preloaded into them, so they are built without sanitizers.
F := $(B)/fixtures
PLAIN := $(patsubst tests/fixtures/%.c,$(F)/%,$(filter-out %/host.c %/library.c %/segments.c %/no_memory.c,$(wildcard tests/fixtures/*.c)))
FIXTURE := -O2 -g -Wall -Wextra -D_GNU_SOURCE -fno-optimize-sibling-calls -fno-ipa-icf -fno-toplevel-reorder
# Alone, and linked with another allocator: its library is enough, without the package for development.
ALLOCATOR_jemalloc := $(firstword $(wildcard /usr/lib/*/libjemalloc.so.2))
ALLOCATOR_tcmalloc := $(firstword $(wildcard /usr/lib/*/libtcmalloc.so.4))
ALLOCATOR_mimalloc := $(firstword $(wildcard /usr/lib/*/libmimalloc.so.[0-9]*))
ALLOCATORS := $(foreach a,jemalloc tcmalloc mimalloc,$(if $(ALLOCATOR_$(a)),$(F)/allocators-$(a)))
fixtures: $(PLAIN) $(ALLOCATORS) $(addprefix $(F)/,host host_fixed unwound allocators own_malloc.so no_memory.so names names.so thrower.so first.so second.so stripped.so linked.so segments hot.so nameless.so)
$(F)/host $(F)/host_fixed: tests/fixtures/host.c
	@mkdir -p $(@D)
	$(CC) $(FIXTURE) $(if $(findstring fixed,$@),-no-pie -fno-pie,-pie -fPIE) -o $@ $< -ldl
$(F)/names $(F)/names.so: tests/fixtures/names.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(FIXTURE) $(if $(findstring .so,$@),-fPIC -shared -DLIBRARY) -o $@ $<
$(F)/thrower.so: tests/fixtures/thrower.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(FIXTURE) -fPIC -shared -o $@ $<
$(F)/unwound: tests/fixtures/unwound.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(FIXTURE) -o $@ $< -lpthread
$(F)/allocators $(ALLOCATORS): tests/fixtures/allocators.cc tests/fixtures/transcript.h profiler/leakprof.h
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -O2 -g -Wall -Wextra -Wno-missing-field-initializers -D_GNU_SOURCE -fno-builtin -include tests/older.h -iquote profiler -rdynamic \
	  -o $@ $< -Wl,--no-as-needed $(ALLOCATOR_$(@F:allocators-%=%)) -lpthread -ldl
$(F)/own_malloc.so: tests/fixtures/own_malloc.c
	@mkdir -p $(@D)
	$(CC) -O2 -g -Wall -Wextra -fno-builtin -D_GNU_SOURCE -fPIC -shared -DLIBRARY -o $@ $<
$(F)/no_memory.so: tests/fixtures/no_memory.c
	@mkdir -p $(@D)
	$(CC) -O2 -g -Wall -Wextra -fno-builtin -D_GNU_SOURCE -fPIC -shared -o $@ $< -lpthread -ldl
$(F)/first.so $(F)/second.so: tests/fixtures/library.c
	@mkdir -p $(@D)
	$(CC) $(FIXTURE) -fPIC -shared -DNAME=$(basename $(@F)) $(if $(findstring second,$@),-DSKIP=256) -o $@ $<
# Objects with a second executable segment after a hole.
HOT := -Wl,--section-start=.hot2=0x900000
$(F)/segments: tests/fixtures/segments.c
	@mkdir -p $(@D)
	$(CC) $(FIXTURE) -no-pie -fno-pie $(HOT) -o $@ $<
$(F)/hot.so: tests/fixtures/library.c
	@mkdir -p $(@D)
	$(CC) $(FIXTURE) -fPIC -shared $(HOT) -DHOT -DNAME=hot -o $@ $<
# Its debug information is found by build id, below a directory of ours.
$(F)/hidden.so: tests/fixtures/library.c
	@mkdir -p $(@D)
	$(CC) $(FIXTURE) -fPIC -shared -Wl,--build-id -DNAME=hidden -o $@ $<
	rm -rf $(F)/debug # of an earlier build
	id=$$(readelf -n $@ | sed -n 's/.*Build ID: //p') && dir=$(F)/debug/.build-id/$${id:0:2} && \
	  mkdir -p $$dir && objcopy --only-keep-debug $@ $$dir/$${id:2}.debug
	strip --strip-all $@
$(F)/nested.so: tests/fixtures/nested.s
	@mkdir -p $(@D)
	$(CC) -shared -nostdlib -Wl,--build-id,--compress-debug-sections=zlib -o $@ $<
# stripped.so has no debug information. linked.so has it in a separate file. nameless.so has no function names
# except the exported one.
$(F)/nameless.so: tests/fixtures/library.c
	@mkdir -p $(@D)
	$(CC) $(FIXTURE) -fPIC -shared -fvisibility=hidden -Wl,--build-id -DNAME=nameless -s -o $@ $<
$(F)/stripped.so: tests/fixtures/library.c
	@mkdir -p $(@D)
	$(CC) $(FIXTURE) -fPIC -shared -DNAME=stripped -s -o $@ $<
$(F)/linked.so: tests/fixtures/library.c
	@mkdir -p $(F)/.debug
	$(CC) $(FIXTURE) -fPIC -shared -DNAME=linked -o $@ $<
	objcopy --only-keep-debug $@ $(F)/.debug/linked.debug
	objcopy --strip-all --add-gnu-debuglink=$(F)/.debug/linked.debug $@
# The numbers of all system calls that the kernel's headers know.
$(B)/gen/syscalls.inc:
	@mkdir -p $(@D)
	echo '#include <asm/unistd.h>' | $(CC) -E -dM - | sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$$/{"\1", \2},/p' >$@
$(F)/filtered: $(B)/gen/syscalls.inc
$(PLAIN): $(F)/%: tests/fixtures/%.c $(wildcard tests/fixtures/*.h) profiler/leakprof.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -M%,$(BASE)) -O2 -g -fno-builtin -include tests/older.h -Wno-deprecated-declarations -iquote profiler -iquote $(B)/gen \
	  $(LDFL) -rdynamic -o $@ $< -lpthread -ldl -lrt -lutil

# The table of variables in profiler/REFERENCE.md. `build/config-text man` prints it for a manual page.
config-text: $(B)/config-text
	@$<
$(B)/config-text: scripts/config_text.c $(B)/obj/profiler/config.o
	$(CC) $(BASE) $(CFLAGS) $(INC_profiler) $(LDFL) -MF $(B)/obj/config_text.d -o $@ $^

# For binaries that are published. The same sources and the same packages give the same bytes.
REPRODUCED := $(addprefix build/reproducible/,leakyard libleakprof.a libleakprof.so libleakprof-reporter.so)
reproducible:
	$(MAKE) REPRODUCIBLE=1 B=build/reproducible all
	sha256sum $(REPRODUCED)

run: all
	$(B)/leakyard
demo: all
	scripts/demo
check:
	tests/run
check-all:
	tests/run --all
soak: all
	loadtest/soak
stress: all torture
	rm -f $(B)/torture.log
	SOAK=600 bash tests/blackbox/test_torture.sh
	SOAK=60 bash tests/blackbox/test_comers.sh
	cat $(B)/torture.log
matrix: all
	scripts/matrix
verdicts: all $(F)/slow
	scripts/verdicts
	loadtest/slow
strangers: all
	scripts/strangers
pictures: all
	/usr/bin/python3 -B tests/browser/pictures.py
flags-leaks: # for tools that read the scenes' source
	@echo -std=gnu11 -D_GNU_SOURCE $(INC_leaks) $(DEPS)
faults: all fixtures
	tests/faults.py
lint:
	scripts/lint
bench: all
	loadtest/bench
simulate: $(B)/simulate
	loadtest/simulate_page
simulation: $(B)/simulate
clean:
	rm -rf build
help:
	@echo "make         build/leakyard, build/libleakprof.a, build/libleakprof.so, build/libleakprof-reporter.so"
	@echo "make profiler   the three libraries, without the playground"
	@echo "make reproducible   the same files in build/reproducible/, with the same bytes from any directory, and their checksums"
	@echo "make run     starts the server on 127.0.0.1:8080, the profiler on 127.0.0.1:6060"
	@echo "make demo    a demonstration in under a minute"
	@echo "make check   the ordinary tests, in less than ten minutes on two cores"
	@echo "make check-all   every test: also under the sanitizers, and a longer stress test"
	@echo "make soak    an hour of all scenes under load, fixed and then leaky: nothing else may grow"
	@echo "make stress  a stress test with the profiler preloaded: ten minutes exact, ten sampled, then short-lived threads"
	@echo "make bench   measures the profiler's costs and accuracy, and those of its peers"
	@echo "make simulate   plays programs with and without leaks and judges them: the table in profiler/VERDICTS.md"
	@echo "make matrix  measures which profile and which tool shows which leak; writes leaks/README.md"
	@echo "make strangers   programs from Debian's packages, plain and preloaded: the table in profiler/STRANGERS.md"
	@echo "make pictures   makes the screenshots of README.md"
	@echo "make verdicts   checks the verdicts of every scene under load, ten times each, and of slow leaks; writes leaks/README.md and profiler/VERDICTS.md"
	@echo "make faults  fails each allocation and each system call of the server and the profiler in turn"
	@echo "make lint    checks the layout, static analysis and the project's rules"
	@echo "make fuzz    runs each fuzz target for an hour (FUZZ_SECONDS=3600); see tests/fuzz/README.md"
	@echo "make fuzz-check   the same for ten seconds each"
	@echo "make config-text   prints the table of variables in profiler/REFERENCE.md"
	@echo "make clean   removes build/"

.PHONY: config-text faults all profiler reproducible unit listed tiny torture bare fixtures run demo check check-all soak stress matrix verdicts strangers pictures flags-leaks lint bench simulate simulation clean help
-include loadtest/bench.mk
-include tests/fuzz/fuzz.mk
-include $(shell find $(B)/obj $(B)/listed/obj -name '*.d' 2>/dev/null)
