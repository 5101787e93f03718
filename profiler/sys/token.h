/* Reads the file named by LEAKPROF_TOKEN_FILE or --token-file. */
#ifndef LP_SYS_TOKEN_H
#define LP_SYS_TOKEN_H

/* leakprof_token_read() and leakprof_token_refused() in leakprof_server.h have the contract. */
int lp_token_read(const char *path, char *token, int size);
const char *lp_token_refused(int error);

#endif
