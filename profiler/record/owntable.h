/*
 * A descriptor table for one thread of the profiler. close_range() makes one that has only the
 * descriptors 0, 1 and 2. Linux has it since 5.9. Before, unshare() copies the whole table, and the
 * copies are closed one by one.
 */
#ifndef LP_RECORD_OWNTABLE_H
#define LP_RECORD_OWNTABLE_H

/* Once per thread. 0, or -ENOSYS if both are refused: the table is still the process's, and nothing
 * is closed.
 */
int lp_own_table_enter(void);

#endif
