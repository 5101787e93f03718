/* The guard: the headers Host, Origin, Sec-Fetch-Site and Authorization, one a line. An independent
 * reader of Authorization decides whether the token was given. */
#include "fuzz.h"

#include <strings.h>

#include "leakprof_server.h"

#define TOKEN "0123456789abcdef"

/* As in RFC 4648, without line breaks. The padding may be left out. */
static bool decode(const char *from, char *to, size_t *n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t used = strspn(from, digits);
    if (used % 4 == 1 || strspn(from + used, "=") != strlen(from + used))
        return false;
    *n = used * 6 / 8;
    memset(to, 0, *n);
    for (size_t bit = 0; bit < *n * 8; bit++)
        if ((strchr(digits, from[bit / 6]) - digits) >> (5 - bit % 6) & 1)
            to[bit / 8] |= (char)(0x80 >> bit % 8);
    return true;
}

static bool is_right(const char *authorization)
{
    bool right = false;
    const char *space = strchr(authorization, ' ');
    if (!space)
        return false;
    const char *rest = space + strspn(space, " ");
    if (strncasecmp(authorization, "Bearer ", 7) == 0)
        return strcmp(rest, TOKEN) == 0;
    if (strncasecmp(authorization, "Basic ", 6) != 0)
        return false;
    size_t n = 0;
    char *pair = malloc(strlen(rest) + 1);
    CHECK(pair);
    if (decode(rest, pair, &n) && n <= 1024) {
        const char *colon = memchr(pair, ':', n);
        right = colon && (size_t)(pair + n - colon - 1) == strlen(TOKEN) &&
                memcmp(colon + 1, TOKEN, strlen(TOKEN)) == 0;
    }
    free(pair);
    return right;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = {data, size};
    unsigned bits = (unsigned)fuzz_number(&in, 1);
    char *text[4];
    for (int i = 0; i < 4; i++) {
        text[i] = fuzz_part(&in, '\n');
        if (text[i] && !*text[i]) { /* an empty line: the header is not sent */
            free(text[i]);
            text[i] = NULL;
        }
    }
    const struct leakprof_guard guard = {
        .token = bits & 1 ? TOKEN : NULL, .loopback = bits & 2, .unix_socket = bits & 4};
    const struct leakprof_headers headers = {.host = text[0],
                                             .origin = text[1],
                                             .sec_fetch_site = text[2],
                                             .authorization = text[3],
                                             .changes = bits & 8};
    const char *why = NULL;
    int status = leakprof_guard_check(&guard, &headers, &why);
    CHECK(status == 0 || status == 401 || status == 403);
    CHECK((status == 0) == (why == NULL));
    if (status == 0) {
        CHECK(guard.token || guard.loopback);
        CHECK(!guard.token || (text[3] && is_right(text[3])));
    }
    if (status == 401)
        CHECK(guard.token && !(text[3] && is_right(text[3])));
    for (int i = 0; i < 4; i++)
        free(text[i]);
    return 0;
}
