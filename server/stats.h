/* What the server counts, and GET /stats, which sets it beside the profiler's and the kernel's
 * view. */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include <stdbool.h>

#include <jansson.h>

#include "budget_defaults.h"

struct scene;

void stats_start(const struct budget_limits *limits);

void stats_request(void);
void stats_hit(const struct scene *scene, bool leak, unsigned n); /* done n times */

/* Requests that were taken and not answered yet; adds `change` and returns what it was. */
int stats_pending(int change);

json_t *stats_json(void);
json_t *stats_scenes_json(void); /* GET /scenes */

#endif
