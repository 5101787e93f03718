/*
 * Reads the program's memory, which the program may unmap at any moment. A copy by our own code
 * would crash then, also if the address was checked before. process_vm_readv() would not, but is
 * forbidden by seccomp filters such as systemd's @system-service. /proc/self/mem cannot be opened
 * after a change of user. So the bytes go through a pipe: write() fails with EFAULT where nothing
 * can be read. Profiler's thread only.
 */
#ifndef LP_SYS_PEEK_H
#define LP_SYS_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens and closes the pipe. false: there is none, and nothing can be read. Nests: the outermost
 * pair counts. End it in both cases. */
bool lp_peek_begin(void);
void lp_peek_end(void);

/* Copies at most 4096 bytes. false: not all of them can be read. */
bool lp_peek(uintptr_t from, void *to, size_t bytes);

#endif
