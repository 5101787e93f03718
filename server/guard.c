/*
 * The checks that come before any route. See guard.h.
 */
#include "guard.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "leakprof_server.h"

static const struct leakprof_address *listen_address;
static bool listen_any;
static const char *token;

void guard_start(const struct leakprof_address *listen, const char *the_token)
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)&listen->socket;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&listen->socket;

    listen_address = listen;
    listen_any = listen->socket.ss_family == AF_INET ? in4->sin_addr.s_addr == htonl(INADDR_ANY)
                                                     : IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
    token = the_token;
}

/* The value of a header that may come once. false: it came more than once. */
static bool only(struct evhttp_request *request, const char *name, const char **value)
{
    struct evkeyval *header;

    *value = NULL;
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(request), next)
    {
        if ((header->key[0] | 0x20) != (name[0] | 0x20) || strcasecmp(header->key, name) != 0)
            continue; /* the first letter tells most apart: this runs for every request */
        if (*value)
            return false;
        *value = header->value;
    }
    return true;
}

static bool all_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

int guard_framing(struct evhttp_request *request, const char **why)
{
    const char *length, *coding;

    if (!only(request, "Content-Length", &length) || (length && !all_digits(length)))
        *why = "Content-Length must be one number";
    else if (!only(request, "Transfer-Encoding", &coding) ||
             (coding && strcasecmp(coding, "chunked") != 0))
        *why =
            "Transfer-Encoding: only chunked is known"; /* libevent ignores what it does not know */
    else if (length && coding)
        *why = "Content-Length and Transfer-Encoding exclude each other";
    else
        return 0;
    return -EBADMSG;
}

/* May a client call us by this name, an optional port behind it? */
static bool our_name(const char *host)
{
    char name[64];
    size_t length = strlen(host);
    const char *colon = strrchr(host, ':');
    struct in_addr in4;
    struct in6_addr in6, own6;

    if (colon && !strchr(colon, ']')) {
        if (!all_digits(colon + 1))
            return false;
        length = (size_t)(colon - host);
    }
    if (length == 0 || length >= sizeof(name))
        return false;
    memcpy(name, host, length);
    name[length] = '\0';

    if (strcasecmp(name, "localhost") == 0)
        return true;
    if (name[0] == '[' && name[length - 1] == ']') {
        name[length - 1] = '\0';
        if (inet_pton(AF_INET6, name + 1, &in6) != 1)
            return false;
        own6 = ((const struct sockaddr_in6 *)&listen_address->socket)->sin6_addr;
        return listen_any || IN6_IS_ADDR_LOOPBACK(&in6) ||
               (listen_address->socket.ss_family == AF_INET6 && IN6_ARE_ADDR_EQUAL(&in6, &own6));
    }
    if (inet_pton(AF_INET, name, &in4) != 1)
        return false;
    return listen_any || ntohl(in4.s_addr) >> 24 == 127 ||
           (listen_address->socket.ss_family == AF_INET &&
            in4.s_addr == ((const struct sockaddr_in *)&listen_address->socket)->sin_addr.s_addr);
}

static bool uri_names_us(const struct evhttp_uri *uri)
{
    const char *host = uri ? evhttp_uri_get_host(uri) : NULL;

    return !host || our_name(host);
}

int guard_origin(struct evhttp_request *request, const char **why)
{
    const char *host, *origin, *site, *authority;

    if (!only(request, "Host", &host) || !only(request, "Origin", &origin) ||
        !only(request, "Sec-Fetch-Site", &site))
        *why = "Host, Origin and Sec-Fetch-Site may come once";
    else if ((host && !our_name(host)) || !uri_names_us(evhttp_request_get_evhttp_uri(request)))
        *why = "this server goes by localhost and its address, not by the name in Host";
    else if (origin && (!host || !(authority = strstr(origin, "://")) ||
                        strcasecmp(authority + 3, host) != 0))
        *why = "a page from another origin may not ask";
    else if (site && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0)
        *why = "a page from another site may not ask";
    else
        return 0;
    return -EPERM;
}

/* Takes as long wherever the difference is. */
static bool same_token(const char *given, size_t length)
{
    size_t want = strlen(token);
    unsigned char difference = length != want;

    for (size_t i = 0; i < length; i++)
        difference |= (unsigned char)(given[i] ^ token[i % want]);
    return difference == 0;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Decodes until the padding or whatever else is no digit. The length, at most `size`. */
static size_t base64(const char *text, char *out, size_t size)
{
    uint32_t bits = 0;
    size_t n = 0;
    int have = 0, digit;

    for (; n < size && (digit = base64_digit(*text)) >= 0; text++) {
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have);
        }
    }
    return n;
}

bool guard_has_token(void)
{
    return *token;
}

int guard_token(struct evhttp_request *request)
{
    const char *given, *colon;
    char pair[512];
    size_t length;

    if (!*token)
        return 0;
    if (!only(request, "Authorization", &given) || !given)
        return -EACCES;
    if (strncasecmp(given, "Bearer ", 7) == 0)
        return same_token(given + 7, strlen(given + 7)) ? 0 : -EACCES;
    if (strncasecmp(given, "Basic ", 6) != 0)
        return -EACCES;
    length = base64(given + 6, pair, sizeof(pair));
    colon = memchr(pair, ':', length);
    if (!colon)
        return -EACCES;
    return same_token(colon + 1, length - (size_t)(colon + 1 - pair)) ? 0 : -EACCES;
}
