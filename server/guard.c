#include "guard.h"

#include <stddef.h>

#include "leakprof_evhttp.h"

#include "options.h"

static struct leakprof_guard guard;

void guard_start(const struct options *options)
{
    guard.loopback = options->listen.loopback;
    guard.token = options->token[0] ? options->token : NULL;
    guard.read_token = options->read_token[0] ? options->read_token : NULL;
}

const struct leakprof_guard *guard_of_bodies(void)
{
    return &guard;
}

bool guard_has_token(void)
{
    return guard.token != NULL;
}

int guard_check(struct evhttp_request *request, bool changes, bool open, const char **why)
{
    int status = leakprof_evhttp_check(&guard, request, changes, why);

    if (status != 401)
        return status;
    if (open)
        return 0;
    leakprof_evhttp_challenge(request);
    return 401;
}
