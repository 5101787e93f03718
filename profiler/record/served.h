/*
 * The processes that are served: the first one, and its forked children that live on. The list is
 * in memory that they share, which is mapped before the first fork. Each process writes its own
 * entry. The entry of a process that has ended is reused.
 *
 * Any thread of the profiler. No locks: an entry belongs to the process whose id is in it.
 */
#ifndef LP_RECORD_SERVED_H
#define LP_RECORD_SERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LP_SERVED_MAX = 1024, LP_SERVED_URL_MAX = 128 };

struct lp_served {
    pid_t pid;
    int error;      /* why it is not served: a negative errno; 0: it is */
    uint64_t began; /* when the process was started, to recognize a reused id */
    char url[LP_SERVED_URL_MAX];
};

/* Maps the list, unless it is mapped. */
void lp_served_prepare(void);

/* Is this process a child, by fork, of the process that mapped the list? */
bool lp_served_forked(void);

/* From now on, another process may have the address before this one (serve/follow.h). */
void lp_served_follow(void);
bool lp_served_follows(void);

/* Writes the line that tells a user where to look. Returns its length. */
enum { LP_SERVED_LINE_MAX = LP_SERVED_URL_MAX + 64 };
size_t lp_served_line(char to[LP_SERVED_LINE_MAX], const char *url);

/* Does this process report its address itself, when it is served? */
void lp_served_announce(bool yes);
bool lp_served_announces(void);

/* Writes the entry of this process, or of one that it has started. If the list is full, nothing
 * happens. */
void lp_served_put(const struct lp_served *entry);
void lp_served_drop(void);

/* Copies entry i. false: it is unused. i < LP_SERVED_MAX. */
bool lp_served_get(uint32_t i, struct lp_served *out);

#endif
