/* The server's own counters, and GET /stats: these counters, the profiler's figures and the
 * kernel's. */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include <stdbool.h>

#include <jansson.h>

struct leakprof_limits;
struct scene;

/* budget: what all scenes together may hold. */
void stats_start(const struct leakprof_limits *budget);

void stats_request(void);
void stats_hit(const struct scene *scene, bool leak, unsigned n); /* counts n times */

/* Adds `change` to the number of requests that are not answered yet. Returns the old number. */
int stats_pending(int change);

json_t *stats_json(void);
json_t *stats_scenes_json(void); /* GET /scenes */

#endif
