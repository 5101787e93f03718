/*
 * C++ names are demangled by the C++ library. A C++ program has loaded it. If its symbols are not
 * visible (a plugin's library, or one that is linked in without names), the system's library is
 * loaded, once, when the first name is demangled. If there is none, names stay mangled.
 */
#include "symbolize/demangle.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "record/loader.h"
#include "symbolize/demangle_rust.h"

enum { READABLE_MAX = 64 << 10 }; /* a short name may expand to megabytes; then it stays mangled */

/* The function of the C++ ABI. Its result comes from malloc. */
typedef char *demangler(const char *name, char *buffer, size_t *length, int *status);

static demangler *find_demangler(void)
{
    static demangler *found;
    static bool looked;

    if (looked)
        return found;
    looked = true;
    lp_loader_enter();
    found = (demangler *)dlsym(RTLD_DEFAULT, "__cxa_demangle");
    if (!found) {
        static void *library; /* never unloaded */
        library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
        found = library ? (demangler *)dlsym(library, "__cxa_demangle") : NULL;
    }
    lp_loader_leave();
    return found;
}

char *lp_demangle(const char *name)
{
    if (strncmp(name, "_R", 2) == 0)
        return lp_demangle_rust(name, READABLE_MAX);

    demangler *demangle = strncmp(name, "_Z", 2) == 0 ? find_demangler() : NULL;
    int status;
    char *readable = demangle ? demangle(name, NULL, NULL, &status) : NULL;
    if (readable && strlen(readable) > READABLE_MAX) {
        free(readable);
        readable = NULL;
    }
    return readable;
}
