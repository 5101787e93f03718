/*
 * Claim: a linked program may fork while its profiler ends, and start one in the child. A thread
 * that takes a snapshot delays the end: the kernel holds other threads of the program, so a look at
 * their stacks takes long.
 */
#include "unit.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "leakprof.h"

enum { HELD = 60, STACK = 16 << 10 };

static const struct leakprof_options options = {.listen = "127.0.0.1:0",
                                                .rate = LEAKPROF_RATE_KEEP};
static _Atomic int nheld, go;

static int child(void *arg)
{
    atomic_fetch_add(&nheld, 1);
    while (!atomic_load(&go))
        syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = 10000000}, NULL);
    syscall(SYS_exit, 0);
    return arg != NULL;
}

static void *hold(void *arg)
{
    char *stack = malloc(STACK);
    clone(child, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    return arg;
}

static void *stop(void *arg)
{
    leakprof_stop();
    return arg;
}

/* Sends a request to the profiler. Returns the socket. */
static int ask(const char *request)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons((uint16_t)strtol(strrchr(leakprof_url(), ':') + 1, NULL, 10));
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
        return -1;
    return fd;
}

/* Has a thread a signal that it has not taken? */
static bool is_looked_at(void)
{
    bool found = false;
    char path[64], line[128];
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; (task = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/self/task/%.20s/status", task->d_name);
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof line, file))
            found |= strncmp(line, "SigPnd:", 7) == 0 && strpbrk(line, "123456789abcdef");
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return found;
}

/* In the child: 0 if it can be profiled. */
static int use_profiler(void)
{
    char answer[16] = "";
    alarm(30);
    if (leakprof_start(&options) != 0)
        return 2;
    int fd = ask("GET /debug/pprof/heap HTTP/1.0\r\nHost: localhost\r\n\r\n");
    if (recv(fd, answer, sizeof answer - 1, MSG_WAITALL) <= 0 || !strstr(answer, " 200 "))
        return 3;
    leakprof_stop();
    return 0;
}

static void test_fork(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    skip(); /* their runtime does not know such children */
#endif
    pthread_t held[HELD], stopper;
    assert_int_equal(leakprof_start(&options), 0);
    for (int i = 0; i < HELD; i++)
        assert_int_equal(pthread_create(&held[i], NULL, hold, NULL), 0);
    while (atomic_load(&nheld) < HELD)
        usleep(1000);
    assert_true(ask("POST /debug/snapshots HTTP/1.0\r\nHost: localhost\r\n\r\n") >= 0);
    while (!is_looked_at())
        usleep(1000);
    assert_int_equal(pthread_create(&stopper, NULL, stop, NULL), 0);
    usleep(300000); /* until the server only waits for the snapshot */
    pid_t pid = fork();
    if (pid == 0)
        _exit(use_profiler());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    atomic_store(&go, 1);
    assert_int_equal(status, 0);
    pthread_join(stopper, NULL);
    for (int i = 0; i < HELD; i++)
        pthread_join(held[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fork)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
