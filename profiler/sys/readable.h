#ifndef LP_SYS_READABLE_H
#define LP_SYS_READABLE_H

#include <stdbool.h>

/* Can a word be read at this address? Any thread, any context. */
bool lp_sys_readable(const void *address);

#endif
