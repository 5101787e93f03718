/*
 * Restores errno. `LP_KEEP_ERRNO;` among the declarations of a block saves it there and restores it
 * wherever the block is left. A hook must not change errno, and a clean-up must not hide why the
 * work before it failed. Any thread, any context.
 */
#ifndef LP_SYS_KEEP_ERRNO_H
#define LP_SYS_KEEP_ERRNO_H

#include <errno.h>

static inline void lp_restore_errno(const int *saved)
{
    errno = *saved;
}

#define LP_KEEP_ERRNO                                                                              \
    __attribute__((unused, cleanup(lp_restore_errno))) const int lp_saved_errno = errno

/* Saves errno under a name, for calls that may be repeated: each begins with the same errno. */
#define LP_NOTE_ERRNO(name) const int name = errno

#endif
