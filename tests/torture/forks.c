/*
 * Forks where a profiler's locks can meet libc's or its own. Ends with 0 when nothing hung; an
 * alarm ends it otherwise.
 *
 *   forks stdio
 *       a thread flushes all streams for ever, one of which allocates in its write function: it
 *       wants the allocator's locks while it holds the list of streams, which fork wants too
 *
 *   forks handler
 *       a signal handler forks above whatever the profiler was doing in this thread
 *
 *   forks loader LIBRARY
 *       a thread is nearly always inside dl_iterate_phdr(), whose lock a child may find taken for
 *       ever; the child allocates in a library that was just loaded, and gives back a handle to it
 *
 *   forks opening LIBRARY
 *       a thread opens and closes a library for ever, and the list of libraries stays half changed
 *       in some children; these live on, so a profiler may want to load something
 *
 *   forks alone
 *       a program of one thread, whose children may well call dl_iterate_phdr(), whatever a
 *       profiler's thread was doing
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 300, SECONDS = 100 };

static volatile bool stop;

static void allocate(void)
{
    void *blocks[20];
    for (int i = 0; i < 20; i++)
        blocks[i] = malloc(16 + i * 40);
    for (int i = 0; i < 20; i++)
        free(blocks[i]);
}

static void reap(pid_t child)
{
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        static const char text[] = "forks: a child failed or hung\n";
        _exit(write(2, text, sizeof text - 1) > 0 ? 1 : 2);
    }
}

static void fork_once(bool allocates)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS / 2);
        if (allocates)
            allocate();
        _exit(0);
    }
    reap(child);
}

static ssize_t swallow(void *cookie, const char *text, size_t size)
{
    (void)cookie, (void)text;
    allocate();
    return (ssize_t)size;
}

static void *flush(void *arg)
{
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = swallow});
    while (!stop) {
        fputs("something", stream);
        fflush(NULL);
    }
    fclose(stream);
    return arg;
}

static void *churn(void *arg)
{
    while (!stop)
        allocate();
    return arg;
}

static void beside_stdio(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, i == 0 ? churn : flush, NULL);
    for (int i = 0; i < FORKS / 5; i++) /* a profiler may have to wait in each */
        fork_once(true);
    stop = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

static volatile sig_atomic_t forks;

static void on_timer(int signal)
{
    (void)signal;
    fork_once(false);
    forks++;
}

/* The child of a fork inside malloc() may not allocate, for glibc may have been busy with it. */
static void in_a_handler(void)
{
    signal(SIGALRM, on_timer);
    for (int i = 0; i < FORKS; i++) {
        struct itimerval soon = {.it_value = {0, 1000 + i}};
        setitimer(ITIMER_REAL, &soon, NULL);
        while (forks == i)
            allocate();
    }
}

static int linger(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)info, (void)size, (void)arg;
    usleep(2000); /* with the loader's lock */
    return 1;
}

static void *iterate(void *arg)
{
    while (!stop)
        dl_iterate_phdr(linger, NULL);
    return arg;
}

static void beside_the_loader(const char *library)
{
    pthread_t thread;
    pthread_create(&thread, NULL, iterate, NULL);
    for (int i = 0; i < 30; i++) {
        void *handle = dlopen(library, RTLD_NOW);
        void *(*function)(size_t) = (void *(*)(size_t))dlsym(handle, "plugin_allocate");
        usleep(15000); /* so that a profiler may look at the list of libraries again */
        pid_t child = fork();
        if (child == 0) {
            alarm(SECONDS / 2);
            for (int n = 0; n < 20; n++)
                free(function(100));
            _exit(dlclose(dlopen(library, RTLD_NOW | RTLD_NOLOAD)));
        }
        reap(child);
        dlclose(handle);
    }
    stop = true;
    pthread_join(thread, NULL);
}

static void *open_and_close(void *library)
{
    while (!stop)
        dlclose(dlopen(library, RTLD_NOW));
    return NULL;
}

static void beside_opening(char *library)
{
    enum { UNHARMED = 3, WANTED = 3 };
    pthread_t thread;
    pthread_create(&thread, NULL, open_and_close, library);
    for (int i = 0, found = 0; i < 100 * FORKS && found < WANTED; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            alarm(SECONDS / 2);
            if (_r_debug.r_state == RT_CONSISTENT)
                _exit(0);
            for (int n = 0; n < 20; n++)
                usleep(50000);
            _exit(UNHARMED);
        }
        waitpid(child, &status, 0);
        if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != UNHARMED)) {
            fprintf(stderr, "forks: a child ended with status %x\n", (unsigned)status);
            _exit(1);
        }
        found += WEXITSTATUS(status) == UNHARMED;
    }
    stop = true;
    pthread_join(thread, NULL);
}

static int count(struct dl_phdr_info *info, size_t size, void *n)
{
    (void)info, (void)size;
    ++*(int *)n;
    return 0;
}

static void alone(void)
{
    for (int i = 0; i < 10 * FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            int n = 0;
            alarm(SECONDS / 2);
            dl_iterate_phdr(count, &n);
            _exit(n > 0 ? 0 : 1);
        }
        reap(child);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "stdio")) {
        alarm(SECONDS);
        beside_stdio();
    } else if (argc == 2 && !strcmp(argv[1], "handler")) {
        in_a_handler();
    } else if (argc == 3 && !strcmp(argv[1], "loader")) {
        alarm(SECONDS);
        beside_the_loader(argv[2]);
    } else if (argc == 3 && !strcmp(argv[1], "opening")) {
        alarm(SECONDS);
        beside_opening(argv[2]);
    } else if (argc == 2 && !strcmp(argv[1], "alone")) {
        alarm(SECONDS);
        alone();
    } else {
        return 2;
    }
    return 0;
}
