/* Inside this room: the text of the line that record/crash.h describes, and how it is written. */
#ifndef LP_RECORD_CRASHLINE_H
#define LP_RECORD_CRASHLINE_H

#include <signal.h>

void lp_crash_note_stderr(void);

/* In the handler, with all signals blocked. The line has less than PIPE_BUF bytes. It is written in
 * two parts: the stack comes last, because reading it could fail. */
void lp_crash_write_line(const siginfo_t *info, void *context, int snapshot);

#endif
