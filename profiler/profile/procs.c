/*
 * The procs profile: the child processes that the kernel has, running ones and zombies, each with
 * its stack from the table. The kernel has a file with the children of each thread. If it has no
 * such files, all of /proc is searched.
 *
 * The kernel's list may skip some children while others end. So the children in the table are also
 * looked up one by one, and those that are gone are dropped from it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect/openfile.h"
#include "sys/clock.h"
#include "inspect/children.h"
#include "inspect/program.h"
#include "sys/array.h"
#include "sys/file.h"
#include "profile/kinds.h"
#include "record/procs.h"
#include "record/stacks.h"

enum { RANGES_AT_ONCE = 256 };

struct child {
    pid_t pid;
    uint32_t stack;
};

struct taking {
    struct lp_profile *profile;
    int64_t boot_ns;
    struct lp_array children; /* struct child */
    int result;
};

static void add_child(struct taking *taking, pid_t pid, uint32_t stack)
{
    struct child *child = lp_array_add(&taking->children);
    if (child)
        *child = (struct child){pid, stack};
    else
        taking->result = -ENOMEM;
}

/* Adds the children in the table, with their stacks. Drops those that are gone from the table. */
static void add_known(struct taking *taking)
{
    struct lp_range some[RANGES_AT_ONCE];
    uint64_t from = 0;
    for (uint32_t n; (n = lp_procs_copy(from, some, RANGES_AT_ONCE)) > 0;) {
        for (uint32_t i = 0; i < n && some[i].start <= UINT32_MAX; i++) {
            struct lp_child_seen seen;
            if (lp_child_look((pid_t)some[i].start, &seen))
                add_child(taking, (pid_t)some[i].start, some[i].stack);
            else if (lp_child_is_gone((pid_t)some[i].start))
                lp_procs_cut(some[i].start);
        }
        from = some[n - 1].start + 1;
        if (from > UINT32_MAX)
            break;
    }
}

static uint32_t stack_in_system(pid_t tid)
{
    struct lp_range range;
    uint64_t key = lp_procs_in_system(tid);
    return lp_procs_copy(key, &range, 1) && range.start == key ? range.stack : LP_STACK_EARLIER;
}

struct parent {
    struct taking *taking;
    uint32_t stack; /* the stack of children that are not in the table */
};

static int add_number(const char *word, size_t length, void *arg)
{
    const struct parent *parent = arg;
    pid_t pid = (pid_t)strtol(word, NULL, 10);
    (void)length;
    if (pid > 0)
        add_child(parent->taking, pid, parent->stack);
    return 0;
}

/* -ENOENT: the kernel has no such files. */
static int add_children_of(struct taking *taking, const char *number)
{
    char path[LP_PROGRAM_PATH], buffer[4096];
    pid_t tid = (pid_t)strtol(number, NULL, 10);
    struct parent parent = {taking, stack_in_system(tid)};
    return lp_file_lines(lp_program_path(path, tid, "children"), ' ', buffer, sizeof buffer,
                         add_number, &parent);
}

static int each_number(const char *path, int (*visit)(struct taking *, const char *),
                       struct taking *taking)
{
    DIR *dir = lp_open_dir(path);
    int result = -errno;
    if (!dir)
        return result;
    result = -ENOENT;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && visit(taking, entry->d_name) == 0)
            result = 0;
    closedir(dir);
    return result;
}

static int add_if_ours(struct taking *taking, const char *pid)
{
    struct lp_child_seen seen;
    if (lp_child_look((pid_t)strtol(pid, NULL, 10), &seen))
        add_child(taking, (pid_t)strtol(pid, NULL, 10), LP_STACK_EARLIER);
    return 0;
}

/* A child may be listed twice. The entry with its own stack comes first. */
static int by_pid(const void *x, const void *y)
{
    const struct child *a = x, *b = y;
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return (a->stack < b->stack) - (a->stack > b->stack);
}

static void put(struct taking *taking, const struct child *child)
{
    struct lp_child_seen seen;
    if (!lp_child_look(child->pid, &seen))
        return; /* waited for meanwhile */
    struct lp_profile *profile = taking->profile;
    const char *state = lp_child_is_zombie(&seen) ? "zombie" : "running";
    struct lp_item *item = lp_profile_item(profile);
    struct lp_row *row = lp_profile_row(profile);
    if (!item || !row) {
        taking->result = -ENOMEM;
        return;
    }
    int64_t age = taking->boot_ns - (int64_t)seen.began * (1000000000 / sysconf(_SC_CLK_TCK));
    *item = (struct lp_item){.id = child->pid,
                             .stack = child->stack,
                             .name = lp_profile_text(profile, seen.name),
                             .state = state,
                             .state_ns = -1,
                             .age_ns = age > 0 ? age : 0,
                             .value = {1}};
    if (!item->name)
        taking->result = -ENOMEM;
    *row = (struct lp_row){.stack = child->stack, .label_text = state, .value = {1}};
}

static int take(struct lp_profile *profile)
{
    struct taking taking = {.profile = profile, .children = LP_ARRAY(struct child, LP_OWN_PROCS)};
    taking.boot_ns = lp_clock_ns(CLOCK_BOOTTIME);

    int result = each_number("/proc/self/task", add_children_of, &taking);
    if (result == -ENOENT)
        result = each_number("/proc", add_if_ours, &taking);
    add_known(&taking);
    const struct child *children = taking.children.at;
    if (taking.children.n)
        qsort(taking.children.at, taking.children.n, sizeof *children, by_pid);
    for (size_t i = 0; i < taking.children.n; i++)
        if (i == 0 || children[i].pid != children[i - 1].pid)
            put(&taking, &children[i]);
    lp_array_release(&taking.children);
    return result ? result : taking.result;
}

static int64_t count(void)
{
    int64_t zombies;
    return lp_children(&zombies);
}

const struct lp_profile_kind lp_procs_kind = {
    .name = "procs",
    .about = "Child processes, running ones and zombies, by the stack that forked them. "
             "debug=2 shows each one.",
    .nvalues = 1,
    .values = {{"procs", "count"}},
    .default_value = -1,
    .period = {"procs", "count"},
    .label_key = "state",
    .item = "child $i [$n]$S$w",
    .take = take,
    .count = count,
    .resources = {{"children", "count", LP_BOUND_THREADS, 0, NULL}},
};
