/*
 * dpkg's lists of the files of packages are the only way to find a file's package without running a
 * program. The lists of a whole system have some MB. They are read when an object without names is
 * shown to people, once per object.
 */
#include "symbolize/nameless.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/stacks.h"
#include "symbolize/frames.h"
#include "symbolize/clean.h"
#include "symbolize/readers.h"
#include "symbolize/symbols.h"

enum { LIST_MAX = 8 << 20, LISTS_MAX = 1 << 14, ALL_MAX = 128 << 20 };

static const char lists_path[] = "/var/lib/dpkg/info";

/* Is one of the lines this path? A package may still list files below /usr under /lib or /bin. */
static bool has_line(const char *text, const char *path)
{
    const char *const forms[] = {path, strncmp(path, "/usr/", 5) ? path : path + 4};
    size_t length = strlen(path);
    for (int i = 0; i < 2; length -= (size_t)(forms[1] - forms[0]), i++)
        for (const char *at = text; (at = strstr(at, forms[i])); at += length)
            if ((at == text || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0'))
                return true;
    return false;
}

/* Adds the number of bytes read to *total. */
static bool is_listed(int dir, const char *name, const char *path, size_t *total)
{
    struct stat file;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    bool found = false;
    if (fd < 0)
        return false;
    if (fstat(fd, &file) == 0 && file.st_size > 0 && file.st_size <= LIST_MAX) {
        char *text = malloc((size_t)file.st_size + 1);
        ssize_t n = text ? read(fd, text, (size_t)file.st_size) : 0;
        if (n > 0) {
            text[n] = '\0';
            *total += (size_t)n;
            found = has_line(text, path);
        }
        free(text);
    }
    close(fd);
    return found;
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

/* Free the result. "": no package has it. NULL: no memory. */
static char *find_package(const char *path)
{
    DIR *dir = opendir(lists_path);
    char *package = NULL;
    size_t total = 0;
    int lists = 0;
    for (struct dirent *entry; dir && !package && (entry = readdir(dir));) {
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".list") != 0)
            continue;
        if (++lists > LISTS_MAX || total > ALL_MAX)
            break;
        if (is_listed(dirfd(dir), entry->d_name, path, &total))
            package = debug_package(entry->d_name);
    }
    if (dir)
        closedir(dir);
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
