/*
 * A copy of the loader's list of objects, for the unwinder.
 *
 * libunwind finds unwind tables by dl_iterate_phdr(), which takes a lock of the loader's, while it
 * holds a lock of its own. A thread that is inside dl_iterate_phdr() or the loader and allocates
 * wants the two the other way round: that is a deadlock that several profilers are known for. So
 * while a stack is taken, dl_iterate_phdr() (hooks/loader.c) reads this copy and takes no lock.
 *
 * The copy is stale after a dlopen(). That shows when an address lies in none of its objects;
 * the copy is made anew when the stack is done, with no lock held, and the stack taken again. After
 * a dlclose() the object's place may belong to code of another kind (a JIT's): before an object of
 * the copy is handed out, _dl_find_object() is asked whether it is still there.
 */
#ifndef LP_RECORD_LOADER_H
#define LP_RECORD_LOADER_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

typedef int lp_object_visit(struct dl_phdr_info *info, size_t size, void *arg);

/* As dl_iterate_phdr(), from the copy. No lock, no allocation. */
int lp_loader_each(lp_object_visit *visit, void *arg);

/* Is there a copy to read? */
bool lp_loader_ready(void);

/* Did a search find nothing since the copy was made? */
bool lp_loader_stale(void);

/* Makes the copy anew by the real dl_iterate_phdr(), which lp_loader_use() hands in. At most once
 * in 10 ms, for code that belongs to no object (a JIT's) makes every search fail; at once if one of
 * these addresses lies in an object that the copy has not. true: it has other objects now. */
bool lp_loader_refresh(const uintptr_t *addresses, uint32_t n);
void lp_loader_use(int (*real)(lp_object_visit *visit, void *arg));

/* The real one, with the loader's lock; the profiler's thread holds one of ours meanwhile, so that
 * no fork finds it in there. */
int lp_loader_walk(lp_object_visit *visit, void *arg);

/* In a child, before the loader has answered once: who need not ask had better not. */
bool lp_loader_doubtful(void);

/* glibc does not give a forked child the lock that dl_iterate_phdr() takes: if another thread had
 * it, the child waits for ever. So fork waits (a moment at most) until none of us is in there; and
 * as a thread of the program's may be, a child goes by its copy, until the loader has answered it
 * once. Call around fork(), as lp_unwind_before_fork() and its sister; what the one returns goes to
 * the other. */
bool lp_loader_before_fork(bool above_holder);
void lp_loader_after_fork(bool held, bool child);

#endif
