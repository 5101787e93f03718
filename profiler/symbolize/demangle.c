/*
 * The profiler brings no demangler along, and no C++ library with it: a C++ program has one loaded.
 * Where it is out of sight (a plugin's, or linked in without its names), the system's is loaded,
 * once, and only when there is a name to be read. Where there is none, names stay as they are.
 */
#include "symbolize/demangle.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/names.h"

enum { READABLE_MAX = 64 << 10 }; /* a short name may stand for megabytes: it then stays short */

/* The C++ ABI's: the answer is malloc's, which books it as the profiler's own on this thread. */
typedef char *demangler(const char *name, char *buffer, size_t *length, int *status);

static demangler *find_demangler(void)
{
    static demangler *found;
    static bool looked;

    if (looked)
        return found;
    looked = true;
    found = (demangler *)dlsym(RTLD_DEFAULT, "__cxa_demangle");
    if (!found) {
        static void *library; /* for good */
        library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
        found = library ? (demangler *)dlsym(library, "__cxa_demangle") : NULL;
    }
    return found;
}

const char *lp_demangle(const char *name)
{
    demangler *demangle = strncmp(name, "_Z", 2) == 0 ? find_demangler() : NULL;
    int status;
    char *readable = demangle ? demangle(name, NULL, NULL, &status) : NULL;

    if (readable && strlen(readable) <= READABLE_MAX)
        name = lp_name(readable);
    free(readable);
    return name;
}
