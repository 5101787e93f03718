/*
 * Reads the program's memory, which the program may unmap at any moment. A plain copy would crash
 * then, even if the address was checked before. process_vm_readv() would not crash, but seccomp
 * filters such as systemd's @system-service forbid it. /proc/self/mem cannot be opened after a
 * change of user. So the bytes go through a pipe: write() fails with EFAULT if the memory cannot be
 * read. Profiler's threads only.
 */
#ifndef LP_SYS_PEEK_H
#define LP_SYS_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Open and close the pipe. false: there is no pipe, and nothing can be read. Calls nest: the
 * outermost pair counts. Call the second one in both cases. */
bool lp_peek_begin(void);
void lp_peek_end(void);

/* Copies at most 4096 bytes. false: not all of them can be read. */
bool lp_peek(uintptr_t from, void *to, size_t bytes);

#endif
