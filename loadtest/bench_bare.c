/*
 * The least that evhttp can do: the same number of loops on one port as the playground, the same
 * answers to /healthz and /fixed/healthy byte for byte (except Date), and nothing else: no checks,
 * no locks, no profiler. The playground's requests per second are compared with it.
 *
 * usage: bench_bare [loops]
 * Listens on a free port of 127.0.0.1, prints it, and runs until it is killed.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

enum { LOOPS_MAX = 256, BACKLOG = 1024, IDLE_SECONDS = 60 };

static const char healthz[] = "{\"status\":\"ok\"}\n";
static const char healthy[] =
    "{\"scene\":\"healthy\",\"variant\":\"fixed\",\"status\":\"done\",\"n\":1,"
    "\"held\":{\"bytes\":0,\"objects\":0,\"threads\":0,\"unjoined\":0,\"fds\":0,"
    "\"mappings\":0,\"children\":0}}\n";

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void answer(struct evhttp_request *request, void *text)
{
    struct evbuffer *body = evbuffer_new();

    if (!body)
        die("evbuffer_new");
    evbuffer_add_reference(body, text, strlen(text), NULL, NULL);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                      "application/json");
    evhttp_add_header(evhttp_request_get_output_headers(request), "X-Content-Type-Options",
                      "nosniff");
    evhttp_send_reply(request, 200, "OK", body);
    evbuffer_free(body);
}

/* Replaces port 0 in *address by the port that the kernel chose, which the next loop then shares.
 */
static int listen_on(struct sockaddr_in *address)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(*address);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)address, size) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &size) < 0)
        die("cannot listen");
    return fd;
}

static struct event_base *make_loop(struct sockaddr_in *address)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = base ? evhttp_new(base) : NULL;

    if (!http)
        die("evhttp_new");
    evhttp_set_timeout(http, IDLE_SECONDS);
    evhttp_set_cb(http, "/healthz", answer, (void *)healthz);
    evhttp_set_cb(http, "/fixed/healthy", answer, (void *)healthy);
    if (evhttp_accept_socket(http, listen_on(address)) < 0)
        die("evhttp_accept_socket");
    return base;
}

static void *run(void *base)
{
    event_base_dispatch(base);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct event_base *bases[LOOPS_MAX];
    int n = argc > 1 ? atoi(argv[1]) : 1;
    pthread_t thread;

    if (argc > 2 || n < 1 || n > LOOPS_MAX) {
        fprintf(stderr, "usage: bench_bare [loops, 1 to %d]\n", LOOPS_MAX);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN); /* wrk closes connections while answers are on their way */
    for (int i = 0; i < n; i++)
        bases[i] = make_loop(&address);
    for (int i = 1; i < n; i++)
        if (pthread_create(&thread, NULL, run, bases[i]) != 0)
            die("pthread_create");
    printf("bare: playground http://127.0.0.1:%d/\n", ntohs(address.sin_port));
    fflush(stdout);
    run(bases[0]);
    return 0;
}
