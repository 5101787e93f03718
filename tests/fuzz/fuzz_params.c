/* The playground's parsers: a query for scenes of several kinds, and the command line, one argument
 * a line. */
#include "fuzz.h"

#include <errno.h>

#include "scene.h"

#include "options.h"
#include "params.h"

static const struct scene kinds[] = {
    {.id = "sized", .n_max = 1000, .size_default = 4096, .size_min = 1, .size_max = 64 << 20},
    {.id = "plain", .n_max = 100},
};

/* Instead of the profiler's: the input must not choose which files are read. */
int __wrap_leakprof_token_read(const char *path, char *token, int size);
int __wrap_leakprof_token_read(const char *path, char *token, int size)
{
    if (strlen(path) < 4)
        return -EINVAL;
    snprintf(token, (size_t)size, "%s", path);
    return 0;
}

static void check_refused(json_t *why)
{
    CHECK(why && json_is_string(json_object_get(why, "error")));
    CHECK(json_is_string(json_object_get(why, "parameter")));
    CHECK(json_is_string(json_object_get(why, "given")));
    json_decref(why);
}

static void read_query(const char *text, const struct scene *scene)
{
    char *query = strdup(text);
    struct params params = {0};
    json_t *why = NULL;
    CHECK(query);
    if (params_read(query, scene, &params, &why) != 0) {
        check_refused(why);
    } else if (scene) {
        CHECK(params.n >= 1 && params.n <= scene->n_max && params.size <= scene->size_max);
        CHECK(!scene->size_default || params.size >= scene->size_min);
    }
    free(query);
}

static void read_format(const char *text)
{
    char *query = strdup(text);
    enum params_format format;
    json_t *why = NULL;
    CHECK(query);
    if (params_read_format(query, &format, &why) != 0)
        check_refused(why);
    free(query);
}

static void read_options(struct fuzz *in)
{
    enum { ARGUMENTS_MAX = 16 };
    char *argv[ARGUMENTS_MAX + 2] = {"leakyard"}, why[512];
    int argc = 1;
    struct options options;
    while (argc <= ARGUMENTS_MAX && (argv[argc] = fuzz_part(in, '\n')))
        argc++;
    argv[argc] = NULL;
    memset(why, 'x', sizeof why);
    enum options_verdict verdict = options_read(argc, argv, &options, why, sizeof why);
    if (verdict == OPTIONS_BAD)
        CHECK(memchr(why, 0, sizeof why) && *why);
    if (verdict == OPTIONS_RUN) {
        CHECK(options.threads >= 1 && options.threads <= 256);
        CHECK((options.listen.loopback && options.pprof.loopback) || options.token[0]);
    }
    while (--argc > 0)
        free(argv[argc]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return freopen("/dev/null", "w", stdout) ? 0 : 1; /* --help prints */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = {data, size};
    char *query = fuzz_part(&in, '\n');
    if (!query)
        return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        read_query(query, &kinds[i]);
    read_query(query, NULL);
    read_format(query);
    read_options(&in);
    free(query);
    return 0;
}
