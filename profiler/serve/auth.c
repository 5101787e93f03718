#include "leakprof_server.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>

#include "serve/guesses.h"

/* The time depends only on the length of the given text, and not on how much of it is right. */
static bool same_secret(const char *given, size_t length, const char *token)
{
    size_t token_length = strlen(token);
    volatile unsigned char differs = length != token_length;
    for (size_t i = 0; i < length; i++)
        differs |= (unsigned char)(given[i] ^ token[token_length ? i % token_length : 0]);
    return !differs;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The length; -1 if it is not base64, bytes after the padding included, or does not fit. */
static int base64_decode(const char *from, char *to, size_t capacity)
{
    uint32_t bits = 0;
    int nbits = 0;
    size_t n = 0;
    for (; *from && *from != '='; from++) {
        int digit = base64_digit(*from);
        if (digit < 0)
            return -1;
        bits = bits << 6 | (uint32_t)digit;
        nbits += 6;
        if (nbits >= 8) {
            nbits -= 8;
            if (n == capacity)
                return -1;
            to[n++] = (char)(bits >> nbits);
        }
    }
    return nbits >= 6 || from[strspn(from, "=")] ? -1 : (int)n;
}

enum access { NOTHING, READING, EVERYTHING };

/* Compares with both tokens in any case. */
static enum access access_by(const struct leakprof_guard *guard, const char *secret, size_t length)
{
    bool may_read = guard->read_token && same_secret(secret, length, guard->read_token);
    bool may_change = same_secret(secret, length, guard->token);
    return may_change ? EVERYTHING : may_read ? READING : NOTHING;
}

static enum access access_of(const struct leakprof_guard *guard, const char *authorization)
{
    if (!authorization)
        return NOTHING;
    size_t scheme = strcspn(authorization, " ");
    const char *credentials = authorization + scheme + strspn(authorization + scheme, " ");
    if (scheme == 6 && strncasecmp(authorization, "Bearer", 6) == 0)
        return access_by(guard, credentials, strlen(credentials));
    if (scheme != 5 || strncasecmp(authorization, "Basic", 5) != 0)
        return NOTHING;
    char pair[1024];
    int length = base64_decode(credentials, pair, sizeof pair);
    const char *colon = length > 0 ? memchr(pair, ':', (size_t)length) : NULL;
    return colon ? access_by(guard, colon + 1, (size_t)(pair + length - colon - 1)) : NOTHING;
}

/* Is it "localhost", 127.x.x.x or [::1], with or without a port? The port may differ from ours, for
 * example behind a tunnel. */
static bool names_loopback(const char *host)
{
    char name[64];
    size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (length >= sizeof name || length > strlen(host))
        return false;
    memcpy(name, host, length);
    name[length] = '\0';
    const char *port = host + length;
    if (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")]))
        return false;
    struct in_addr address;
    if (inet_pton(AF_INET, name, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0;
}

/* An origin is "scheme://host:port". Our own has the same host and port as Host. "null" has none.
 */
static bool same_origin(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");
    return authority && host && strcasecmp(authority + 3, host) == 0;
}

/* "same-site" means another port of this machine. */
static bool same_site(const char *site, bool changes)
{
    return strcasecmp(site, "none") == 0 || strcasecmp(site, "same-origin") == 0 ||
           (!changes && strcasecmp(site, "same-site") == 0);
}

/* Every browser since 1994 sends such a User-Agent. Some load media with another one, but they send
 * the languages of their user. A page cannot change or omit either without asking first (CORS). */
static bool is_browser(const struct leakprof_headers *headers)
{
    static const char name[] = "Mozilla/";
    return headers->accept_language ||
           (headers->user_agent && strncasecmp(headers->user_agent, name, sizeof name - 1) == 0);
}

int leakprof_guard_check(const struct leakprof_guard *guard, const struct leakprof_headers *headers,
                         const char **why)
{
    if (!guard->loopback && !guard->token) {
        *why = "this server has no token, so it only answers on a loopback address";
        return 403;
    }
    if (guard->loopback && !guard->unix_socket && headers->host && !names_loopback(headers->host)) {
        *why = "the Host header names another machine: use 127.0.0.1 or localhost";
        return 403;
    }
    if (headers->origin && !same_origin(headers->origin, headers->host)) {
        *why = "the request comes from a page of another origin";
        return 403;
    }
    if (headers->sec_fetch_site && !same_site(headers->sec_fetch_site, headers->changes)) {
        *why = "the request comes from a page of another site";
        return 403;
    }
    if (headers->changes && !headers->origin && !headers->sec_fetch_site && is_browser(headers)) {
        *why = "the browser does not show which page this request comes from: use the buttons of "
               "the page at /, or a tool like curl. A browser shows it in Sec-Fetch-Site or Origin";
        return 403;
    }
    enum access access = guard->token ? access_of(guard, headers->authorization) : EVERYTHING;
    if (access == NOTHING) {
        if (headers->authorization) /* a browser asks for the password after a request without */
            lp_guesses_add();
        *why = "a token is required: Authorization: Bearer TOKEN, or Basic with the token as the "
               "password";
        return 401;
    }
    if (access == READING && headers->changes) {
        *why = "this token is only for reading: use the other one to trigger or change something";
        return 403;
    }
    return 0;
}
