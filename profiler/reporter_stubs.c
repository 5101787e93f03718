/*
 * Defines the recorder's functions in the reporter's shared object: each is a jump through the
 * table that the recorder passed (link.h). It also sends the libraries' calls of malloc() and
 * mmap() to the recorder's hooks, as all other calls of the process. The hooks record whose memory
 * it is. Without that, RTLD_DEEPBIND would bind the calls to libc's functions, while memory that
 * libc itself allocates for these libraries comes from the hooks.
 */
#include "link.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hooks/allocator.h"
#include "reporter_libevent.h"
#include "reporter_renew.h"

#define COUNT(call) +1
enum { CALLS = LP_RECORDER_CALLS(COUNT) };

/* These variables keep their values in a forked child (reporter_renew.c). */
#define KEPT __attribute__((section(".data")))

extern const void *lp_recorder_calls[CALLS] __attribute__((visibility("hidden")));
const void *lp_recorder_calls[CALLS] KEPT;

#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)
#define STUB(call) STUB_AT(call, __COUNTER__)
#define STUB_AT(call, number)                                                                      \
    __asm__(".text\n"                                                                              \
            ".globl " #call "\n"                                                                   \
            ".hidden " #call "\n"                                                                  \
            ".type " #call ", @function\n" #call ":\n\t"                                           \
            "endbr64\n\t"                                                                          \
            "jmp *lp_recorder_calls + 8 * " TEXT(number) "(%rip)\n"                                \
                                                         ".size " #call ", . - " #call "\n");
LP_RECORDER_CALLS(STUB)

#define EXPORT __attribute__((visibility("default")))

static KEPT bool entered;  /* the recorder's functions may be called */
static KEPT void *program; /* opened early: a forked child may be unable to (record/loader.h) */

EXPORT const struct lp_reporter *lp_reporter_entry(const void *const *calls, const char *names);
EXPORT const struct lp_reporter *lp_reporter_entry(const void *const *calls, const char *names)
{
    if (strcmp(names, LP_RECORDER_CALL_NAMES) != 0)
        return NULL;
    memcpy(lp_recorder_calls, calls, sizeof lp_recorder_calls);
    entered = true;
    if (!program)
        program = dlopen(NULL, RTLD_NOW);
    lp_reporter_keep();
    lp_reporter_libevent();
    return &lp_reporter_functions;
}

/* Finds the function that libc calls under this name: a hook, or the first definition in the
 * process. dlsym(RTLD_DEFAULT) would find the functions below. The first call comes from a
 * library's constructor, before the recorder's functions are known. */
static void *find(const char *name)
{
    void *hook = entered ? lp_allocator_hook(name) : NULL;
    if (!hook && !program)
        program = dlopen(NULL, RTLD_NOW);
    return hook ? hook : dlsym(program, name);
}

#define FORWARD(type, name, params, args)                                                          \
    EXPORT type name params;                                                                       \
    EXPORT type name params                                                                        \
    {                                                                                              \
        static KEPT _Atomic(__typeof__(&name)) first;                                              \
        __typeof__(&name) call = atomic_load_explicit(&first, memory_order_relaxed);               \
        if (!call) {                                                                               \
            call = (__typeof__(&name))find(#name);                                                 \
            if (entered)                                                                           \
                atomic_store_explicit(&first, call, memory_order_relaxed);                         \
        }                                                                                          \
        return call args;                                                                          \
    }

FORWARD(void *, malloc, (size_t size), (size))
FORWARD(void *, calloc, (size_t n, size_t size), (n, size))
FORWARD(void *, realloc, (void *block, size_t size), (block, size))
FORWARD(void *, reallocarray, (void *block, size_t n, size_t size), (block, n, size))
FORWARD(void *, memalign, (size_t alignment, size_t size), (alignment, size))
FORWARD(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
FORWARD(int, posix_memalign, (void **out, size_t alignment, size_t size), (out, alignment, size))
FORWARD(void, free, (void *block), (block))
FORWARD(size_t, malloc_usable_size, (void *block), (block))
FORWARD(void *, mmap, (void *at, size_t bytes, int protection, int flags, int fd, off_t offset),
        (at, bytes, protection, flags, fd, offset))
FORWARD(void *, mmap64, (void *at, size_t bytes, int protection, int flags, int fd, off64_t offset),
        (at, bytes, protection, flags, fd, offset))
FORWARD(int, munmap, (void *start, size_t bytes), (start, bytes))
