/*
 * Removes socket files that processes left behind: ended by a signal, or continued as another
 * program by exec. They are those that the same address makes in other processes:
 * "unix:/DIR/%p.sock", and "unix:/PATH", which may have become "PATH.PID".
 */
#ifndef LP_SERVE_STALE_H
#define LP_SERVE_STALE_H

/* address: as in the options. Only files of this user are removed, whose process does not exist, on
 * which nobody listens, and which are 10 seconds old at least. Looks at LP_STALE_LOOK_MAX names of
 * the directory at most. */
enum { LP_STALE_LOOK_MAX = 4096 };
void lp_stale_remove(const char *address);

#endif
