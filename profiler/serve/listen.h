/* The listening socket. The address is parsed by leakprof_address_parse(). */
#ifndef LP_SERVE_LISTEN_H
#define LP_SERVE_LISTEN_H

#include "leakprof_server.h"

enum { LP_URL_MAX = 80 };

/* Returns a listening socket or a negative errno. url: where clients reach it,
 * "http://127.0.0.1:6060". */
int lp_address_listen(const struct leakprof_address *address, char url[LP_URL_MAX]);

#endif
