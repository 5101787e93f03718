/*
 * A process with many threads, sockets and mappings, with the profiler linked in. It answers any
 * request, such as /healthz, on its own port, and ends with the first signal.
 *
 *   bench_scale THREADS SOCKETS MAPPINGS
 *
 * Mappings have one page each. Neighbours have different protections, so that the kernel does not
 * merge them. Eight functions make them in turn, and half of them are touched.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "leakprof.h"

enum { PAGE = 4096, STACK = 128 << 10 };

__attribute__((noreturn)) static void die(const char *what)
{
    perror(what);
    exit(1);
}

#define MAPPER(n)                                                                                  \
    __attribute__((noinline)) static void *map_##n(int allow)                                      \
    {                                                                                              \
        void *page = mmap(NULL, PAGE, allow, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);                  \
        __asm__ volatile("" : "+r"(page));                                                         \
        return page;                                                                               \
    }
MAPPER(0)
MAPPER(1)
MAPPER(2)
MAPPER(3)
MAPPER(4)
MAPPER(5)
MAPPER(6)
MAPPER(7)

static void map(int n)
{
    static void *(*const mappers[])(int) = {map_0, map_1, map_2, map_3, map_4, map_5, map_6, map_7};
    for (int i = 0; i < n; i++) {
        char *page = mappers[i % 8](i % 2 ? PROT_READ : PROT_READ | PROT_WRITE);
        if (page == MAP_FAILED)
            die("mmap (vm.max_map_count?)");
        if (i % 2 == 0)
            *page = 1;
    }
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

static void *wait_forever(void *arg)
{
    pthread_mutex_lock(&lock);
    for (;;)
        pthread_cond_wait(&never, &lock);
    return arg;
}

static void start_threads(int n)
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    for (int i = 0; i < n; i++)
        if (pthread_create(&thread, &small, wait_forever, NULL) != 0)
            die("pthread_create");
}

static void open_sockets(int n)
{
    for (int i = 0; i < n; i++)
        if (socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
            die("socket (ulimit -n?)");
}

static void answer(struct evhttp_request *request, void *arg)
{
    (void)arg;
    struct evbuffer *body = evbuffer_new();
    evbuffer_add_printf(body, "ok\n");
    evhttp_send_reply(request, 200, "OK", body);
    evbuffer_free(body);
}

static unsigned short port_of(struct evhttp_bound_socket *bound)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &length);
    return (unsigned short)(((unsigned char *)&address)[2] << 8 | ((unsigned char *)&address)[3]);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench_scale THREADS SOCKETS MAPPINGS\n");
        return 1;
    }
    const struct leakprof_options options = {.listen = "127.0.0.1:0", .rate = LEAKPROF_RATE_KEEP};
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    if (!bound || leakprof_start(&options) != 0)
        die("listen");
    evhttp_set_gencb(http, answer, NULL);
    open_sockets((int)strtol(argv[2], NULL, 10));
    start_threads((int)strtol(argv[1], NULL, 10));
    map((int)strtol(argv[3], NULL, 10));
    printf("scale: playground http://127.0.0.1:%d/\n", port_of(bound));
    printf("scale: profiler   %s/debug/pprof/\n", leakprof_url());
    fflush(stdout);
    return event_base_dispatch(base);
}
