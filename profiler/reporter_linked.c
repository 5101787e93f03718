/*
 * The profiler as a part of the program (libleakprof.a): the reporter is in the program. libunwind
 * is loaded before main, so every stack from then on is whole.
 */
#include "leakprof_server.h"
#include "link.h"

#include "config.h"

#include "record/unwind.h"
#include "reporter_renew.h"
#include "serve/server.h"
#include "sys/token.h"

const struct lp_reporter *lp_reporter(const char **why)
{
    (void)why;
    return &lp_reporter_functions;
}

const struct lp_reporter *lp_reporter_loaded(void)
{
    return &lp_reporter_functions;
}

void lp_reporter_renew(void)
{
    lp_server_forked();
}

__attribute__((constructor(102))) static void load_unwinder(void)
{
    lp_unwind_load();
}

/* The functions of leakprof_server.h that the recorder needs too. */
int64_t leakprof_period_parse(const char *text)
{
    return lp_parse_period(text);
}

int64_t leakprof_number_parse(const char *text, bool bytes)
{
    return lp_parse_number(text, bytes);
}

int64_t leakprof_rate_parse(const char *text)
{
    return lp_parse_rate(text);
}

int leakprof_token_read(const char *path, char *token, int size)
{
    return lp_token_read(path, token, size);
}

const char *leakprof_token_refused(int error)
{
    return lp_token_refused(error);
}
