/*
 * dpkg's lists of the files of packages are the only way to find a file's package without running a
 * program. The lists of a whole system have some MB. They are read when an object without names is
 * shown to people, once per object.
 */
#include "symbolize/nameless.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/openfile.h"
#include "record/stacks.h"
#include "symbolize/frames.h"
#include "symbolize/clean.h"
#include "symbolize/readers.h"
#include "symbolize/symbols.h"
#include "sys/file.h"
#include "sys/pages.h"

enum { BUFFER = 64 << 10, LISTS_MAX = 1 << 14, ALL_MAX = 128 << 20 };

static const char lists_path[] = "/var/lib/dpkg/info";

/* Lines that do not fit are of paths that are longer than any object's. */
struct list {
    const char *path;
    size_t length, total; /* of the path; of all lines so far */
    char *buffer;         /* of BUFFER bytes */
};

/* A package may still say /lib or /bin for what is below /usr. */
static int is_path(const char *line, size_t length, void *arg)
{
    struct list *list = arg;
    size_t usr = strncmp(list->path, "/usr/", 5) ? 0 : 4;
    list->total += length + 1;
    return (length == list->length && !memcmp(line, list->path, length)) ||
           (length == list->length - usr && !memcmp(line, list->path + usr, length));
}

static bool is_listed(struct list *list, const char *name)
{
    char path[sizeof lists_path + NAME_MAX + 1];
    snprintf(path, sizeof path, "%s/%s", lists_path, name);
    return lp_file_lines(path, '\n', list->buffer, BUFFER, is_path, list) == 1;
}

/* Turns "libfoo1:amd64.list" into "libfoo1-dbgsym". */
static char *debug_package(const char *list)
{
    char *package = NULL;
    int n = (int)strcspn(list, ":");
    if (list[n] == '\0')
        n = (int)(strlen(list) - strlen(".list"));
    bool libc = n == 5 && !strncmp(list, "libc6", 5);
    return asprintf(&package, "%.*s-%s", n, list, libc ? "dbg" : "dbgsym") < 0 ? NULL : package;
}

/* To be freed; "" when no package has it, NULL when memory is out. The buffer is not malloc's: see
 * symbolize/contents.c. */
static char *find_package(const char *path)
{
    struct list list = {path, strlen(path), 0, lp_own_map(BUFFER, LP_OWN_SYMBOLS)};
    DIR *dir = list.buffer ? lp_open_dir(lists_path) : NULL;
    char *package = NULL;
    int lists = 0;
    for (struct dirent *entry; dir && !package && (entry = readdir(dir));) {
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".list") != 0)
            continue;
        if (++lists > LISTS_MAX || list.total > ALL_MAX)
            break;
        if (is_listed(&list, entry->d_name))
            package = debug_package(entry->d_name);
    }
    if (dir)
        closedir(dir);
    if (list.buffer)
        lp_own_unmap(list.buffer, BUFFER, LP_OWN_SYMBOLS);
    return package ? package : strdup("");
}

static bool wants(const struct lp_module *module)
{
    return module && (module->nameless || module->too_large) && module->path[0] == '/';
}

/* Most profiles have no such object. Then their stacks are not searched. */
static bool any_wants(void)
{
    for (size_t i = 0; i < lp_modules_count(); i++)
        if (wants(lp_module_at(i)))
            return true;
    return false;
}

static size_t add(struct lp_module *module, size_t n, bool packages,
                  struct lp_nameless list[LP_NAMELESS_MAX])
{
    for (size_t i = 0; i < n; i++)
        if (list[i].path == module->path)
            return n;
    if (packages && !module->package && !module->too_large)
        module->package = find_package(module->path);
    list[n] = (struct lp_nameless){.path = module->path,
                                   .build_id = module->image->build_id,
                                   .package = module->package ? module->package : "",
                                   .too_large = module->too_large};
    return n + 1;
}

size_t lp_nameless_of(const struct lp_profile *profile, bool packages,
                      struct lp_nameless list[LP_NAMELESS_MAX])
{
    size_t n = 0;
    for (size_t r = 0; any_wants() && r < profile->nrows && n < LP_NAMELESS_MAX; r++) {
        struct lp_stack stack = lp_stack_get(profile->rows[r].stack);
        for (uint32_t i = 0; i < stack.nframes && n < LP_NAMELESS_MAX; i++) {
            if (lp_mark_at(stack.frames[i]))
                break;
            const struct lp_symbol *symbol =
                lp_symbolize_in(profile->rows[r].stack, stack.frames[i]);
            if (wants(symbol->module) && (symbol->nameless || symbol->module->too_large))
                n = add(symbol->module, n, packages, list);
        }
    }
    return n;
}

const char *lp_nameless_text(char line[LP_NAMELESS_LINE], const struct lp_nameless *nameless)
{
    int n;
    if (nameless->too_large)
        n = snprintf(line, LP_NAMELESS_LINE,
                     "%s: more than %llu MiB of debug information, which is not read: no lines",
                     nameless->path, (unsigned long long)lp_readers_max_bytes >> 20);
    else if (nameless->package[0])
        n = snprintf(line, LP_NAMELESS_LINE, "%s: stripped. Install %s to see names",
                     nameless->path, nameless->package);
    else
        n = snprintf(line, LP_NAMELESS_LINE, "%s: stripped", nameless->path);
    if (!nameless->too_large && n > 0 && n < LP_NAMELESS_LINE)
        snprintf(line + n, (size_t)(LP_NAMELESS_LINE - n), "%s%s%s",
                 nameless->build_id[0] ? " (build id " : " (no build id)", nameless->build_id,
                 nameless->build_id[0] ? ")" : "");
    lp_clean(line);
    return line;
}
