/*
 * Memory for libcmark, which ends the process if its own allocator gets none. This one does not
 * return then: it leaves the work that needs it.
 */
#ifndef SERVER_LABMEMORY_H
#define SERVER_LABMEMORY_H

struct cmark_mem;

/* Only inside labmemory_run(). */
extern struct cmark_mem labmemory;

/* Runs work(arg). 0; -ENOMEM: labmemory_fail() was called. Then frees what is left of labmemory. */
int labmemory_run(void (*work)(void *arg), void *arg);

/* Leaves the work. */
_Noreturn void labmemory_fail(void);

#endif
