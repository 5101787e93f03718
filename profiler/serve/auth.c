/*
 * The token is compared in a time that depends on what the client sent, never on how much of it was
 * right.
 */
#include "serve/auth.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>

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

/* Returns the length, or -1 when it is not base64 or does not fit. */
static int base64_decode(const char *from, char *to, size_t room)
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
            if (n == room)
                return -1;
            to[n++] = (char)(bits >> nbits);
        }
    }
    return from[strspn(from, "=")] ? -1 : (int)n;
}

static bool has_token(const char *authorization, const char *token)
{
    if (!authorization)
        return false;
    size_t scheme = strcspn(authorization, " ");
    const char *credentials = authorization + scheme + strspn(authorization + scheme, " ");
    if (scheme == 6 && strncasecmp(authorization, "Bearer", 6) == 0)
        return same_secret(credentials, strlen(credentials), token);
    if (scheme != 5 || strncasecmp(authorization, "Basic", 5) != 0)
        return false;
    char pair[1024];
    int length = base64_decode(credentials, pair, sizeof pair);
    const char *colon = length > 0 ? memchr(pair, ':', (size_t)length) : NULL;
    return colon && same_secret(colon + 1, (size_t)(pair + length - colon - 1), token);
}

/* Is it "localhost", 127.x.x.x or [::1], with or without a port? The port may differ from ours: it
 * is another one behind a tunnel. */
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

/* An origin is "scheme://host:port"; ours has just what Host says. "null" has neither. */
static bool same_origin(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");
    return authority && host && strcasecmp(authority + 3, host) == 0;
}

int lp_auth_check(const struct lp_auth *auth, const struct lp_auth_headers *headers,
                  const char **why)
{
    const char *site = headers->sec_fetch_site;
    if (auth->loopback && headers->host && !names_loopback(headers->host)) {
        *why = "the Host header names another machine: use 127.0.0.1 or localhost";
        return -EACCES;
    }
    if (headers->origin && !same_origin(headers->origin, headers->host)) {
        *why = "a page of another origin asked for this";
        return -EACCES;
    }
    /* Any port of this machine is the "same site": a link from there may lead here, no more. */
    if (site && strcmp(site, "none") != 0 && strcmp(site, "same-origin") != 0 &&
        (headers->changes || strcmp(site, "same-site") != 0)) {
        *why = "a page of another site asked for this";
        return -EACCES;
    }
    if (auth->token && !has_token(headers->authorization, auth->token)) {
        *why = "a token is due: Authorization: Bearer TOKEN, or Basic with it as the password";
        return -EPERM;
    }
    return 0;
}
