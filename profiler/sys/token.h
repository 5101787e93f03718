/* Reads the file named by LEAKPROF_TOKEN_FILE or --token-file. */
#ifndef LP_SYS_TOKEN_H
#define LP_SYS_TOKEN_H

/* leakprof_token_read() in leakprof_server.h has the contract. */
int lp_token_read(const char *path, char *token, int size);

#endif
