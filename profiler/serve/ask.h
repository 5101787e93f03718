/* One request to another process of ours, without a connection that is kept. It waits for 500 ms at
 * most. */
#ifndef LP_SERVE_ASK_H
#define LP_SERVE_ASK_H

#include "serve/listen.h"

/* Posts to this path. Returns the status of the answer or a negative errno. token: NULL for none.
 */
int lp_ask(const struct lp_listen *address, const char *token, const char *path);

#endif
