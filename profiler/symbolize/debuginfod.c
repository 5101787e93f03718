/*
 * libdebuginfod brings libcurl and what that needs. So it is loaded when the first file is fetched,
 * with RTLD_LOCAL, and the reporter does not depend on it. Its interface is in debuginfod.h of
 * elfutils (debuginfod_find_debuginfo(3)).
 */
#include "symbolize/debuginfod.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "record/loader.h"
#include "symbolize/cancel.h"
#include "sys/clock.h"

#define PAUSE_NS (60 * INT64_C(1000000000)) /* after a file that took too long */

typedef struct debuginfod_client client;

static struct {
    client *(*begin)(void);
    void (*end)(client *);
    int (*find)(client *, const unsigned char *id, int id_bytes, char **path); /* 0 bytes: hex */
    void (*watch)(client *, int (*progress)(client *, long done, long of));
} lib;

static int64_t deadline_ns, paused_until_ns;

static bool load(void)
{
    static bool tried;
    if (tried)
        return lib.watch != NULL;
    tried = true;
    lp_loader_enter();
    void *library = lp_loader_open("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library) {
        *(void **)&lib.begin = dlsym(library, "debuginfod_begin");
        *(void **)&lib.end = dlsym(library, "debuginfod_end");
        *(void **)&lib.find = dlsym(library, "debuginfod_find_debuginfo");
        *(void **)&lib.watch = dlsym(library, "debuginfod_set_progressfn");
    }
    lp_loader_leave();
    if (!lib.begin || !lib.end || !lib.find)
        lib.watch = NULL;
    /* cppcheck-suppress resourceLeak ; it stays loaded */
    return lib.watch != NULL;
}

/* libdebuginfod calls this while it waits. Not 0: it stops. */
static int progress(client *c, long done, long of)
{
    (void)c, (void)done, (void)of;
    return lp_now_ns() >= deadline_ns || lp_symbols_cancelled();
}

char *lp_debuginfod_find(const char *build_id)
{
    int64_t patience_ms = lp_config()->debuginfod_ms, now = lp_now_ns();
    char *path = NULL;
    if (patience_ms == 0 || !*build_id || now < paused_until_ns || !load())
        return NULL;
    client *c = lib.begin();
    if (!c)
        return NULL;
    deadline_ns = now + patience_ms * 1000000;
    lib.watch(c, progress);
    int fd = lib.find(c, (const unsigned char *)build_id, 0, &path);
    lib.end(c);
    if (fd >= 0) {
        close(fd);
        return path;
    }
    if (lp_now_ns() >= deadline_ns)
        paused_until_ns = lp_now_ns() + PAUSE_NS;
    return NULL;
}
