/*
 * Who may ask. Three questions, from headers alone:
 *
 * - Is it a page of another site, working through somebody's browser? Browsers tell (Origin,
 *   Sec-Fetch-Site), and a name rebound to 127.0.0.1 shows in Host. Refused with 403, token or not.
 * - On a loopback address, is Host a name of this machine? Elsewhere we cannot know our names, and
 *   there is always a token.
 * - Is there a token, and does the client have it? Bearer, or Basic with the token as the password.
 */
#ifndef LP_SERVE_AUTH_H
#define LP_SERVE_AUTH_H

#include <stdbool.h>

struct lp_auth {
    const char *token; /* NULL: none is asked for */
    bool loopback;     /* only this machine can connect */
};

/* Headers of one request, NULL where there is none. */
struct lp_auth_headers {
    const char *host, *origin, *sec_fetch_site, *authorization;
    bool changes; /* the request would change something */
};

/* 0; -EACCES: never from there; -EPERM: not without the token. *why is a sentence for the client.
 */
int lp_auth_check(const struct lp_auth *auth, const struct lp_auth_headers *headers,
                  const char **why);

#endif
