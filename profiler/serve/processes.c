/*
 * The processes that come from one start of the profiler: those that are served, with their
 * addresses, and the running children of this process that are not.
 */
#include "serve/processes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>

#include "leakprof_server.h"
#include "inspect/children.h"
#include "inspect/task.h"
#include "inspect/tasks.h"
#include "record/procs.h"
#include "sys/array.h"
#include "serve/reply.h"
#include "serve/route.h"
#include "serve/server.h"

enum { RANGES_AT_ONCE = 256 };

struct process {
    struct lp_served served; /* pid, url, error */
    struct lp_child_seen seen;
};

void lp_processes_enter(struct lp_served *entry)
{
    struct lp_child_seen seen = {0};
    entry->pid = getpid();
    lp_process_look(entry->pid, &seen);
    entry->began = seen.began;
    lp_served_put(entry);
}

void lp_processes_leave(void)
{
    lp_served_drop();
}

/* Every process that shares the list can write to it, and some have fewer rights than this one. */
static void clean(char *url)
{
    for (; *url; url++)
        if (*url <= ' ' || *url > '~')
            *url = '?';
}

static bool running(struct lp_served *served, struct lp_child_seen *seen)
{
    clean(served->url);
    return lp_process_look(served->pid, seen) && seen->began == served->began &&
           !lp_child_is_zombie(seen);
}

static int add(struct lp_array *list, const struct process *process)
{
    struct process *place = lp_array_add(list);
    if (place)
        *place = *process;
    return place ? 0 : -1;
}

static bool is_listed(const struct lp_array *list, pid_t pid)
{
    const struct process *all = list->at;
    for (size_t i = 0; i < list->n; i++)
        if (all[i].served.pid == pid)
            return true;
    return false;
}

static void add_served(struct lp_array *list)
{
    struct process process;
    for (uint32_t i = 0; i < LP_SERVED_MAX; i++)
        if (lp_served_get(i, &process.served) && running(&process.served, &process.seen) &&
            add(list, &process) != 0)
            return;
}

/* Children that have called exec, or nothing that starts the service (hooks/lives.h). */
static void add_others(struct lp_array *list)
{
    struct lp_range some[RANGES_AT_ONCE];
    uint64_t from = 0;
    for (uint32_t n; from <= UINT32_MAX && (n = lp_procs_copy(from, some, RANGES_AT_ONCE)) > 0;
         from = some[n - 1].start + 1)
        for (uint32_t i = 0; i < n && some[i].start <= UINT32_MAX; i++) {
            struct process process = {.served.pid = (pid_t)some[i].start};
            if (!is_listed(list, process.served.pid) &&
                lp_child_look(process.served.pid, &process.seen) &&
                !lp_child_is_zombie(&process.seen) && add(list, &process) != 0)
                return;
        }
}

static int by_pid(const void *x, const void *y)
{
    const struct process *a = x, *b = y;
    return (a->served.pid > b->served.pid) - (a->served.pid < b->served.pid);
}

static struct lp_array list_all(void)
{
    struct lp_array list = LP_ARRAY(struct process, LP_OWN_REPORTS);
    add_served(&list);
    add_others(&list);
    if (list.n)
        qsort(list.at, list.n, sizeof(struct process), by_pid);
    return list;
}

static const char *reason(const struct process *process)
{
    return process->served.error ? strerror(-process->served.error)
                                 : "it has called exec, or no call that starts the service";
}

static void write_process(struct lp_json *json, const struct process *process)
{
    const struct lp_served *served = &process->served;
    lp_json_object(json, NULL);
    lp_json_int(json, "pid", served->pid);
    lp_json_int(json, "parent", process->seen.parent);
    lp_json_text(json, "name", process->seen.name);
    if (*served->url) {
        lp_json_text(json, "url", served->url);
    } else {
        lp_json_null(json, "url");
        lp_json_text(json, "reason", reason(process));
    }
    lp_json_end(json);
}

static void write_json(struct lp_json *json, const void *arg)
{
    const struct lp_array *list = arg;
    const struct process *all = list->at;
    lp_json_object(json, NULL);
    lp_json_int(json, "pid", getpid());
    lp_json_int(json, "wrong_tokens", (int64_t)leakprof_guard_wrong_tokens());
    lp_json_array(json, "processes");
    for (size_t i = 0; i < list->n; i++)
        write_process(json, &all[i]);
    lp_json_end(json);
    lp_json_end(json);
}

static void reply_text(struct evhttp_request *http, const struct lp_array *list)
{
    struct lp_body body;
    const struct process *all = list->at;
    if (lp_body_open(&body) != 0) {
        lp_reply_no_memory(http);
        return;
    }
    fprintf(body.stream, "%8s %8s %-16s %s\n", "pid", "parent", "name", "address");
    for (size_t i = 0; i < list->n; i++) {
        char name[LP_PRINTABLE_MAX];
        fprintf(body.stream, "%8d %8d %-16s %s%s\n", (int)all[i].served.pid,
                (int)all[i].seen.parent, lp_printable(name, all[i].seen.name),
                *all[i].served.url ? all[i].served.url : "not served: ",
                *all[i].served.url ? "" : reason(&all[i]));
    }
    lp_reply_body(http, 200, "text/plain; charset=utf-8", &body);
}

void lp_http_processes(struct lp_request *request)
{
    const char *format = lp_query_get(&request->query, "format");
    bool text = format && strcmp(format, "text") == 0;
    if (format && !text && strcmp(format, "json") != 0) {
        lp_reply_error(request->http, 400, "\"format\" must be json or text");
        return;
    }
    struct lp_array list = list_all();
    if (text)
        reply_text(request->http, &list);
    else
        lp_reply_json(request->http, 200, write_json, &list);
    lp_array_release(&list);
}

/* Do all threads of the program wait for a child or for a signal? */
static bool only_waits(void)
{
    static const int calls[] = {SYS_wait4, SYS_waitid, SYS_rt_sigsuspend, SYS_rt_sigtimedwait,
                                SYS_pause};
    struct lp_tasks tasks;
    bool waits = lp_tasks_read(&tasks) == 0;
    for (size_t i = 0; waits && i < tasks.ntids; i++) {
        char text[256];
        int call = -1;
        waits = lp_task_read(tasks.tids[i], "syscall", text, sizeof text) > 0 &&
                sscanf(text, "%d", &call) == 1;
        size_t n = 0;
        while (n < sizeof calls / sizeof *calls && calls[n] != call)
            n++;
        waits = waits && n < sizeof calls / sizeof *calls;
    }
    lp_tasks_release(&tasks);
    return waits;
}

/* Has this process started that one, or one in between? */
static bool descends(pid_t pid, struct lp_child_seen *seen)
{
    enum { GENERATIONS = 32 };
    struct lp_child_seen above;
    if (!lp_process_look(pid, seen) || lp_child_is_zombie(seen))
        return false;
    pid_t parent = seen->parent;
    for (int i = 0; i < GENERATIONS && parent != getpid(); i++) {
        if (parent <= 1 || !lp_process_look(parent, &above))
            return false;
        parent = above.parent;
    }
    return parent == getpid();
}

static void write_given(struct lp_json *json, const void *given)
{
    lp_json_object(json, NULL);
    lp_json_bool(json, "given_up", *(const bool *)given);
    lp_json_end(json);
}

/* A program that was started by this one is served at `url`, and asks for our address. 200: it is
 * free now. 202: the process is on the list. */
void lp_http_process_asks(struct lp_request *request)
{
    char why[LP_WHY_MAX];
    int64_t pid = 0;
    const char *url = lp_query_get(&request->query, "url");
    struct lp_child_seen seen;
    if (lp_query_number(&request->query, "pid", 1, INT32_MAX, &pid, why) < 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    if (!url || strlen(url) >= LP_SERVED_URL_MAX || !descends((pid_t)pid, &seen)) {
        lp_reply_error(
            request->http, 400,
            "\"pid\" must be a process that this one has started, and \"url\" its address");
        return;
    }
    struct lp_served entry = {.pid = (pid_t)pid, .began = seen.began};
    snprintf(entry.url, sizeof entry.url, "%s", url);
    lp_served_put(&entry);
    bool given = only_waits() && lp_server_hand_over((pid_t)pid);
    lp_reply_json(request->http, given ? 200 : 202, write_given, &given);
}
