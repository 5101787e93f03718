/*
 * Prints the profiler's variables as text, from the table that also parses them
 * (profiler/config.c): `config-text` prints a Markdown table, `config-text man` the section of a
 * manual page.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "leakprof.h"

enum { TEXT_MAX = 64 };

static const char *value_of(char out[TEXT_MAX], const struct lp_config_row *row)
{
    switch (row->type) {
    case LP_TEXT:
        return row->value;
    case LP_PERIOD:
        return "100ms to 1h";
    case LP_RATE:
        snprintf(out, TEXT_MAX, "%" PRId64 " to %" PRId64 "G, auto", row->least, row->most >> 30);
        return out;
    case LP_BYTES:
        snprintf(out, TEXT_MAX, "%" PRId64 " to %" PRId64 "G", row->least, row->most >> 30);
        return out;
    default:
        snprintf(out, TEXT_MAX, "%" PRId64 " to %" PRId64, row->least, row->most);
        return out;
    }
}

static const char *standard_of(char out[TEXT_MAX], const struct lp_config_row *row)
{
    if (row->type == LP_TEXT || row->type == LP_PERIOD)
        return "none";
    if (row->standard == LEAKPROF_RATE_AUTO)
        return "auto";
    snprintf(out, TEXT_MAX, "%" PRId64, row->standard);
    return out;
}

/* Names of variables are set as code. */
static void print_about(const char *about)
{
    static const char prefix[] = "LEAKPROF_";
    while (*about) {
        const char *name = strstr(about, prefix);
        size_t before = name ? (size_t)(name - about) : strlen(about);
        printf("%.*s", (int)before, about);
        about += before;
        size_t length = strspn(about, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (name)
            printf("`%.*s`", (int)length, about);
        about += name ? length : 0;
    }
}

static void print_markdown(void)
{
    char value[TEXT_MAX], standard[TEXT_MAX];
    puts("| variable | value | default | meaning | in C |\n|---|---|---|---|---|");
    for (int v = 0; v < LP_VARS; v++) {
        const struct lp_config_row *row = &lp_config_rows[v];
        printf("| `%s` | %s | %s | ", row->name, value_of(value, row), standard_of(standard, row));
        print_about(row->about);
        printf(" | %s%s%s |\n", row->option ? "`" : "", row->option ? row->option : "",
               row->option ? "`" : "");
    }
}

static void print_manual(void)
{
    char value[TEXT_MAX], standard[TEXT_MAX];
    puts(".SH ENVIRONMENT");
    for (int v = 0; v < LP_VARS; v++) {
        const struct lp_config_row *row = &lp_config_rows[v];
        printf(".TP\n.B %s\n%s\n", row->name, row->about);
        printf("Value: %s. Default: %s.\n", value_of(value, row), standard_of(standard, row));
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "man") == 0)
        print_manual();
    else
        print_markdown();
    return 0;
}
