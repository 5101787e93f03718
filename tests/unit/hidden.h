/* build/fixtures/hidden.so, a library that nothing else has loaded. */
#ifndef TESTS_HIDDEN_H
#define TESTS_HIDDEN_H

#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

static const char *hidden_path(void)
{
    static char path[8192];
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    snprintf(path, sizeof path, "%s/fixtures/hidden.so", dirname(dirname(self)));
    return path;
}

#endif
