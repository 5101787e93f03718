# What `make bench` needs besides the server: the churn, which must run on plain glibc, and a bare
# evhttp server to compare with.
$(B)/bench_churn: loadtest/bench_churn.c
	@mkdir -p $(@D) $(B)/obj
	$(CC) $(BASE) $(CFLAGS) -MF $(B)/obj/bench_churn.d -o $@ $< -lpthread
$(B)/bench_bare: loadtest/bench_bare.c
	@mkdir -p $(@D) $(B)/obj
	$(CC) $(BASE) $(CFLAGS) $(DEPS) -MF $(B)/obj/bench_bare.d -o $@ $< -levent -lpthread
