/* Is the process run by valgrind? Any thread, any context. */
#ifndef LP_SYS_VALGRIND_H
#define LP_SYS_VALGRIND_H

#include <stdbool.h>

bool lp_sys_valgrind(void);

/* valgrind reports no error of this thread from the first call to the second: the profiler reads
 * memory that the program has not written, for example on stacks. Calls nest. Nothing without
 * valgrind. */
void lp_sys_valgrind_silence(void);
void lp_sys_valgrind_report(void);

#endif
