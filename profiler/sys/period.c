#include "sys/period.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

int64_t lp_trace_period(const char *text)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    size_t digits = strspn(text, "0123456789");
    int64_t number = 0;

    if (digits == 0 || digits > 9)
        return -EINVAL;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + text[i] - '0';
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(text + digits, units[i].name)) {
            number *= units[i].ms;
            return number >= LP_TRACE_MS_MIN && number <= LP_TRACE_MS_MAX ? number : -EINVAL;
        }
    return -EINVAL;
}
