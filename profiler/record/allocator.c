#include "record/allocator.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct lp_allocator lp_allocator_found = {.libc = true, .file = ""};
static bool used;

const struct lp_allocator *lp_allocator(void)
{
    return &lp_allocator_found;
}

bool lp_allocator_used(void)
{
    return __atomic_load_n(&used, __ATOMIC_RELAXED);
}

void lp_allocator_mark_used(void)
{
    if (!lp_allocator_used())
        __atomic_store_n(&used, true, __ATOMIC_RELAXED);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *lp_allocator_name(void)
{
    const struct lp_allocator *allocator = lp_allocator();
    if (allocator->libc)
        return NULL;
    return allocator->unseen == LP_UNSEEN_REPLACED ? "valgrind"
           : allocator->file[0]                    ? last_part(allocator->file)
                                                   : "the program's own malloc";
}

const char *lp_allocator_why(char out[LP_ALLOCATOR_WHY])
{
    static const char none[] = "no allocation has passed the hooks";
    const struct lp_allocator *allocator = lp_allocator();
    char program[LP_ALLOCATOR_WHY / 2];
    ssize_t n;
    out[0] = '\0';
    if (lp_allocator_used())
        return out;
    switch (allocator->unseen) {
    case LP_SEEN:
        snprintf(out, LP_ALLOCATOR_WHY, "%s yet", none);
        break;
    case LP_UNSEEN_PROGRAM:
        n = readlink("/proc/self/exe", program, sizeof program - 1);
        program[n > 0 ? n : 0] = '\0';
        snprintf(out, LP_ALLOCATOR_WHY, "%s: malloc is defined by the executable%s%s", none,
                 n > 0 ? " " : "", program);
        break;
    case LP_UNSEEN_BEFORE:
        snprintf(out, LP_ALLOCATOR_WHY,
                 "%s: malloc is defined by %s, which comes before libleakprof.so; put it after "
                 "libleakprof.so in LD_PRELOAD",
                 none, last_part(allocator->file));
        break;
    case LP_UNSEEN_REPLACED:
        snprintf(out, LP_ALLOCATOR_WHY, "%s: valgrind replaces malloc", none);
        break;
    }
    return out;
}
