# The fuzz targets, one program per file. They are built with clang into a directory of their own, with
# libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer. tests/fuzz/README.md describes them.
#
# hooks/ is left out: it replaces functions that the sanitizers replace too.
FUZZ_CC ?= clang
Z       := build/fuzz
FUZZ_SECONDS ?= 3600
FUZZ_FLAGS := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -D__SANITIZE_ADDRESS__ -Wno-gnu-variable-sized-type-not-at-end
SRC_fuzz   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZED     := $(filter-out profiler/hooks/%,$(SRC_recorder)) $(SRC_reporter) profiler/reporter_linked.c \
  server/params.c server/options.c
OBJ_fuzzed := $(FUZZED:%.c=$(Z)/obj/%.o) $(Z)/obj/gen/profile.pb-c.o $(Z)/obj/gen/files.o

fuzz-build: $(SRC_fuzz:tests/fuzz/fuzz_%.c=$(Z)/%) $(Z)/seeds
FUZZ_COMPILE = @mkdir -p $(@D) && $(FUZZ_CC) $(BASE) $(FUZZ_FLAGS)
$(OBJ_fuzzed): | $(B)/libraries $(B)/gen/profile.pb-c.h $(B)/gen/flamegraph_hashes.h $(B)/gen/files.c $(PUBLIC) $(B)/include/scene.h
$(Z)/obj/profiler/%.o: profiler/%.c
	$(FUZZ_COMPILE) $(OPT_profiler) $(INC_profiler) $(DEPS) -c -o $@ $<
$(Z)/obj/server/%.o: server/%.c
	$(FUZZ_COMPILE) $(INC_server) $(DEPS) -c -o $@ $<
$(Z)/obj/gen/%.o: $(B)/gen/%.c
	$(FUZZ_COMPILE) $(OPT_profiler) $(INC_profiler) $(DEPS) -c -o $@ $<
$(Z)/fuzzed.a: $(OBJ_fuzzed)
	rm -f $@ && ar rcs $@ $^
# What a target replaces by a function of its own, "__wrap_" and the name.
WRAP_params := leakprof_token_read
WRAP_proc := lp_file_lines lp_file_read fopen
WRAP_sockdiag := socket send recv
$(Z)/%: tests/fuzz/fuzz_%.c $(wildcard tests/fuzz/*.h) $(Z)/fuzzed.a
	$(FUZZ_COMPILE) -fsanitize=fuzzer $(INC_tests) -iquote tests/fuzz $(DEPS) -MF $(Z)/obj/$*.d -o $@ $< $(Z)/fuzzed.a $(WRAP_$*:%=-Wl,--wrap=%) $(LIBS) $(LIBS_server)

# Small objects as seeds of the target `object`: DWARF 5 and 4, compressed, of another compiler, stripped.
SEED := -nostdlib -shared -fPIC -Wl,--build-id,-z,noseparate-code,-z,max-page-size=4096,-z,norelro,--hash-style=gnu
$(Z)/seeds: tests/fuzz/seed.c
	@mkdir -p $@/object
	$(CC) -O2 -gdwarf-5 $(SEED) -o $@/object/dwarf5 $<
	$(CC) -O1 -gdwarf-4 $(SEED) -o $@/object/dwarf4 $<
	$(CC) -O2 -gdwarf-5 -gz=zlib $(SEED) -o $@/object/compressed $<
	$(FUZZ_CC) -O2 -g $(SEED) -o $@/object/clang $<
	$(CC) -O2 $(SEED) -o $@/object/symbols $<
	$(CC) -O2 -s $(SEED) -o $@/object/stripped $<
	touch $@

# For the test runner: builds nothing without a clang that has libFuzzer.
FUZZ_PROBE := int LLVMFuzzerTestOneInput(const char *data, long size); int LLVMFuzzerTestOneInput(const char *data, long size) { return data && size < 0; }
fuzz-if-possible:
	@if echo '$(FUZZ_PROBE)' | $(FUZZ_CC) -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null; then \
	  $(MAKE) fuzz-build; else echo 'the fuzz targets are not built: $(FUZZ_CC) with libFuzzer is missing (scripts/deps fuzz)'; fi

fuzz: fuzz-build
	tests/fuzz/run $(FUZZ_SECONDS)
fuzz-check: fuzz-build
	tests/fuzz/run 10
.PHONY: fuzz fuzz-build fuzz-check fuzz-if-possible

-include $(OBJ_fuzzed:.o=.d) $(SRC_fuzz:tests/fuzz/fuzz_%.c=$(Z)/obj/%.d)
