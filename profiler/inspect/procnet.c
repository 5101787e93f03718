/* Reads a table of sockets as text from /proc. It has no idle time, no backlog limit, and neither
 * peers nor queues of Unix sockets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "inspect/program.h"
#include "inspect/sockets.h"
#include "sys/file.h"

struct table {
    struct lp_sockets *sockets;
    const struct lp_socket_source *source;
};

/* Parses "0100007F:1F90": words in the byte order of memory. Returns the family. */
static uint8_t read_address(const char *text, uint32_t address[4], uint16_t *port)
{
    enum { DIGITS = 8 };
    size_t digits = strcspn(text, ":");
    for (size_t i = 0; i < 4 && (i + 1) * DIGITS <= digits; i++) {
        char word[DIGITS + 1] = "";
        memcpy(word, text + i * DIGITS, DIGITS);
        address[i] = (uint32_t)strtoul(word, NULL, 16);
    }
    *port = text[digits] ? (uint16_t)strtoul(text + digits + 1, NULL, 16) : 0;
    return digits > DIGITS ? AF_INET6 : AF_INET;
}

static int take_ip(const char *line, size_t length, void *arg)
{
    const struct table *table = arg;
    char here[40], there[40];
    unsigned state, out, in, timer, inode;
    (void)length;
    if (sscanf(line, " %*u: %39s %39s %x %x:%x %x:%*x %*x %*u %*d %u", here, there, &state, &out,
               &in, &timer, &inode) != 7)
        return 0; /* the heading */
    uint32_t address[2][4] = {{0}};
    uint16_t port[2];
    uint8_t family = read_address(here, address[0], &port[0]);
    read_address(there, address[1], &port[1]);
    struct lp_socket *socket = lp_sockets_add(table->sockets, inode, table->source);
    if (!socket)
        return 0;
    socket->family = family;
    socket->state = (uint8_t)state;
    socket->timer = (uint8_t)timer;
    socket->queued = true;
    socket->queue[0] = in;
    socket->queue[1] = out;
    memcpy(socket->address, address, sizeof address);
    memcpy(socket->port, port, sizeof port);
    return 0;
}

/* An abstract name begins with "@", and each zero in it is shown as "@". */
static int take_unix(const char *line, size_t length, void *arg)
{
    const struct table *table = arg;
    unsigned flags, state, inode;
    int n = 0;
    if (sscanf(line, "%*x: %*x %*x %x %*x %x %u %n", &flags, &state, &inode, &n) != 3)
        return 0;
    struct lp_socket *socket = lp_sockets_add(table->sockets, inode, table->source);
    if (!socket)
        return 0;
    enum { CONNECTED = 3, ACCEPTS = 1 << 16 };
    socket->state = flags & ACCEPTS ? LP_TCP_LISTEN : LP_TCP_CLOSED;
    socket->connected = state == CONNECTED;
    length = n ? length - (size_t)n : 0;
    socket->name_length = (uint8_t)(length < LP_UNIX_NAME_MAX ? length : LP_UNIX_NAME_MAX);
    memcpy(socket->name, line + n, socket->name_length);
    return 0;
}

static int take_netlink(const char *line, size_t length, void *arg)
{
    const struct table *table = arg;
    unsigned in, out, inode;
    (void)length;
    if (sscanf(line, "%*x %*d %*u %*x %u %u %*d %*d %*u %u", &in, &out, &inode) != 3)
        return 0;
    struct lp_socket *socket = lp_sockets_add(table->sockets, inode, table->source);
    if (socket) {
        socket->queued = true;
        socket->queue[0] = in;
        socket->queue[1] = out;
    }
    return 0;
}

int lp_procnet_read(struct lp_sockets *sockets, const struct lp_socket_source *source)
{
    char path[LP_PROGRAM_PATH];
    static char buffer[64 << 10];
    int result = lp_file_lines(lp_program_path(path, sockets->program, "%s", source->file), '\n',
                               buffer, sizeof buffer,
                               source->family == AF_UNIX      ? take_unix
                               : source->family == AF_NETLINK ? take_netlink
                                                              : take_ip,
                               &(struct table){sockets, source});
    return result ? result : sockets->list.failed ? -ENOMEM : 0;
}
