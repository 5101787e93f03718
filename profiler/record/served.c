#include "record/served.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/pages.h"
#include "sys/syscall.h"

enum { CLAIMED = -1 };

static struct slot {
    _Atomic pid_t owner; /* 0: unused. CLAIMED: being written */
    struct lp_served entry;
} * slots;

static pid_t maker; /* the process that mapped the list */
static atomic_bool follows;
static atomic_bool announces;

void lp_served_prepare(void)
{
    if (slots)
        return;
    slots = lp_own_map_shared(LP_SERVED_MAX * sizeof *slots, LP_OWN_PROCS);
    maker = getpid();
}

bool lp_served_forked(void)
{
    return slots && maker != getpid();
}

void lp_served_follow(void)
{
    atomic_store(&follows, true);
}

bool lp_served_follows(void)
{
    return atomic_load(&follows);
}

size_t lp_served_line(char to[LP_SERVED_LINE_MAX], const char *url)
{
    bool is_unix = strncmp(url, "unix:", 5) == 0;
    return (size_t)snprintf(to, LP_SERVED_LINE_MAX,
                            is_unix
                                ? "leakprof: curl --unix-socket %s http://localhost/debug/pprof/\n"
                                : "leakprof: %s/debug/pprof/\n",
                            url + (is_unix ? 5 : 0));
}

void lp_served_announce(bool yes)
{
    atomic_store(&announces, yes);
}

bool lp_served_announces(void)
{
    return atomic_load(&announces);
}

static bool ended(pid_t pid)
{
    return lp_syscall(SYS_kill, pid, 0) == -ESRCH;
}

static struct slot *find(pid_t pid)
{
    for (uint32_t i = 0; slots && i < LP_SERVED_MAX; i++)
        if (atomic_load(&slots[i].owner) == pid)
            return &slots[i];
    return NULL;
}

/* Takes an unused slot, or one whose process has ended. */
static struct slot *claim(void)
{
    for (uint32_t i = 0; slots && i < LP_SERVED_MAX; i++) {
        pid_t owner = atomic_load(&slots[i].owner);
        if ((owner == 0 || (owner != CLAIMED && ended(owner))) &&
            atomic_compare_exchange_strong(&slots[i].owner, &owner, CLAIMED))
            return &slots[i];
    }
    return NULL;
}

void lp_served_put(const struct lp_served *entry)
{
    struct slot *slot = find(entry->pid);
    if (slot)
        atomic_store(&slot->owner, CLAIMED);
    else
        slot = claim();
    if (!slot)
        return;
    slot->entry = *entry;
    slot->entry.url[LP_SERVED_URL_MAX - 1] = '\0';
    atomic_store(&slot->owner, entry->pid);
}

void lp_served_drop(void)
{
    struct slot *slot = find(getpid());
    if (slot)
        atomic_store(&slot->owner, 0);
}

bool lp_served_get(uint32_t i, struct lp_served *out)
{
    pid_t owner = slots ? atomic_load(&slots[i].owner) : 0;
    if (owner <= 0)
        return false;
    *out = slots[i].entry;
    out->url[LP_SERVED_URL_MAX - 1] = '\0'; /* it may be written meanwhile */
    return out->pid == owner && atomic_load(&slots[i].owner) == owner;
}
