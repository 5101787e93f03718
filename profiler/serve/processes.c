/*
 * The processes that come from one start of the profiler: those that are served, with their
 * addresses, and the running children of this process that are not.
 */
#include "serve/processes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect/children.h"
#include "record/procs.h"
#include "sys/array.h"
#include "serve/reply.h"
#include "serve/route.h"

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

static bool running(const struct lp_served *served, struct lp_child_seen *seen)
{
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
        lp_reply_error(http, 500, "out of memory");
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
