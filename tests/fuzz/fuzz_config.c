/* The environment, one variable a line, and the values in it: numbers, periods and addresses. */
#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>

#include "config.h"
#include "serve/listen.h"

enum { VARIABLES_MAX = 16 };

static void check_values(void)
{
    const struct lp_config *config = lp_config();
    for (int v = 0; v < LP_VARS; v++) {
        const struct lp_config_row *row = &lp_config_rows[v];
        const char *member = (const char *)config + row->offset;
        char line[LP_CONFIG_LINE_MAX];
        size_t n = lp_config_refused(line, v);
        CHECK(n <= sizeof line && (n == 0 || line[n - 1] == '\n'));
        CHECK(lp_config_refused(line, v) == 0); /* once */
        if (row->type == LP_TEXT)
            continue;
        int64_t value = *(const int64_t *)(const void *)member;
        CHECK(value == row->standard || lp_config_allows(v, value));
    }
}

/* An address that was accepted is accepted again as the text that it has. */
static void check_address(const char *text)
{
    struct leakprof_address address, again;
    if (leakprof_address_parse(text, &address) != 0)
        return;
    CHECK(memchr(address.text, 0, sizeof address.text));
    CHECK(leakprof_address_parse(address.text, &again) == 0);
    CHECK(strcmp(address.text, again.text) == 0 && address.loopback == again.loopback);
}

static void check_value(const char *text)
{
    struct lp_listen listen;
    char digits[32];
    for (int bytes = 0; bytes < 2; bytes++) {
        int64_t number = lp_parse_number(text, bytes);
        CHECK(number >= 0 || number == -EINVAL || number == -ERANGE);
        snprintf(digits, sizeof digits, "%" PRId64, number);
        CHECK(number < 0 || lp_parse_number(digits, bytes) == number);
    }
    int64_t ms = lp_parse_period(text);
    CHECK((ms >= LP_PERIOD_MS_MIN && ms <= LP_PERIOD_MS_MAX) || ms == -EINVAL || ms == -ERANGE);
    check_address(text);
    if (lp_listen_parse(text, &listen) == 0 && *listen.path)
        CHECK(listen.path[0] == '/' && memchr(listen.path, 0, sizeof listen.path));
    lp_listen_own(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = {data, size};
    char *environment[VARIABLES_MAX + 1];
    int n = 0;
    while (n < VARIABLES_MAX && (environment[n] = fuzz_part(&in, '\n')))
        n++;
    environment[n] = NULL;
    lp_config_read(environment);
    check_values();
    for (int i = 0; i < n; i++) {
        const char *equals = strchr(environment[i], '=');
        check_value(equals ? equals + 1 : environment[i]);
    }
    lp_config_read((char *[]){NULL}); /* its texts point into the environment */
    for (int i = 0; i < n; i++)
        free(environment[i]);
    return 0;
}
