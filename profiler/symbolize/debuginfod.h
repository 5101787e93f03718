/*
 * Debug files from the servers of DEBUGINFOD_URLS, if the user enables that with
 * LEAKPROF_DEBUGINFOD. Otherwise no server is contacted. One thread at a time. While it fetches a
 * file, other requests for names wait.
 */
#ifndef LP_SYMBOLIZE_DEBUGINFOD_H
#define LP_SYMBOLIZE_DEBUGINFOD_H

/* Fetches the debug file of this build id, in hex. Returns the path of the copy in the user's cache
 * (~/.cache/debuginfod_client), which the caller frees. NULL: not enabled, not found, or not within
 * the time that LEAKPROF_DEBUGINFOD allows. After a file that took too long, nothing is fetched for
 * a minute. */
char *lp_debuginfod_find(const char *build_id);

#endif
