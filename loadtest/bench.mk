# The programs for `make bench`: churn, descriptors, stacks and short-lived processes without the profiler, a
# bare evhttp server for comparison, and three programs with the profiler linked in.
bench: $(addprefix $(B)/,bench_churn bench_bare bench_fds bench_stacks bench_start bench_heap bench_accuracy bench_scale)

$(B)/bench_churn $(B)/bench_fds $(B)/bench_stacks $(B)/bench_start: $(B)/bench_%: loadtest/bench_%.c
	@mkdir -p $(@D) $(B)/obj
	$(CC) $(BASE) $(CFLAGS) -MF $(B)/obj/bench_$*.d -o $@ $< -lpthread
$(B)/bench_bare: loadtest/bench_bare.c
	@mkdir -p $(@D) $(B)/obj
	$(CC) $(BASE) $(CFLAGS) $(DEPS) -MF $(B)/obj/bench_bare.d -o $@ $< -levent -lpthread
$(B)/bench_heap $(B)/bench_accuracy $(B)/bench_scale: $(B)/bench_%: loadtest/bench_%.c $(B)/libleakprof.a
	@mkdir -p $(@D) $(B)/obj
	$(CC) $(BASE) $(CFLAGS) $(INC_server) -MF $(B)/obj/bench_$*.d -rdynamic -o $@ $< \
	  -Wl,--whole-archive $(B)/libleakprof.a -Wl,--no-whole-archive $(LIBS)

# The simulation of the verdicts needs only the judge's pure functions.
SIMULATED := $(addprefix $(B)/obj/profiler/judge/,verdict.o pace.o chance.o distributions.o trend.o)
$(B)/simulate: loadtest/simulate.c loadtest/simulate_shapes.c loadtest/simulate.h $(SIMULATED)
	@mkdir -p $(@D) $(B)/obj
	$(CC) $(BASE) $(CFLAGS) $(INC_profiler) -MF $(B)/obj/simulate.d -o $@ $(filter %.c %.o,$^) -lm
