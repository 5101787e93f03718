/*
 * A program that allocates wherever in a process's life a program can, and keeps what it allocates:
 * each place has a function of its own, and a number of blocks and a size that are its own. What a
 * preloaded profiler says of it at the end must be just that; tests/blackbox/test_lifetime.sh knows
 * the numbers.
 *
 *   lifetime life LIBRARY  from before main() to after it; then it waits for the end of its input
 *   lifetime fork          parent and child wait; the child asks to be served, too
 *   lifetime exec          becomes itself once more, and waits
 *   lifetime spawn         starts itself by vfork() and by posix_spawn(); all three wait
 *   lifetime threads       prints what the profiler takes after 1,000 threads, and after 10,000
 * more
 */
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include <dlfcn.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leakprof.h"

#pragma weak leakprof_start
#pragma weak leakprof_stats
#pragma weak leakprof_url

extern char **environ;

static void die(const char *what)
{
    fprintf(stderr, "lifetime: %s: %s\n", what, strerror(errno));
    _exit(1);
}

/* Defines a function that keeps COUNT blocks of SIZE bytes. */
#define KEEPS(name, count, size)                                                                   \
    extern "C" __attribute__((noinline)) void name(void)                                           \
    {                                                                                              \
        for (int i = 0; i < count; i++) {                                                          \
            void *block = malloc(size);                                                            \
            if (!block)                                                                            \
                die(#name);                                                                        \
            memset(block, 1, size);                                                                \
            __asm__ volatile("" : : "r"(block) : "memory");                                        \
        }                                                                                          \
    }
KEEPS(keep_in_preinit, 3, 1301)
KEEPS(keep_in_constructor, 5, 1303)
KEEPS(keep_in_initializer, 7, 1307)
KEEPS(keep_in_main, 11, 1319)
KEEPS(keep_in_thread, 13, 1321)
KEEPS(keep_in_key_destructor, 17, 1327)
KEEPS(keep_in_thread_local, 19, 1361)
KEEPS(keep_with_cancel_pending, 23, 1367)
KEEPS(keep_in_cleanup, 29, 1373)
KEEPS(keep_under_signals, 20000, 101)
KEEPS(keep_in_atexit, 31, 1381)
KEEPS(keep_in_global_destructor, 37, 1399)
KEEPS(keep_in_destructor, 41, 1409)
KEEPS(keep_in_child, 43, 1423)
KEEPS(keep_after_exec, 47, 1427)

static bool whole_life; /* known before anything else runs */

static void wait_for_the_end(const char *word)
{
    printf("%s\n", word);
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
}

static void before_everything(int argc, char **argv, char **)
{
    whole_life = argc > 1 && !strcmp(argv[1], "life");
    if (whole_life)
        keep_in_preinit();
}
__attribute__((section(".preinit_array"),
               used)) static void (*preinit)(int, char **, char **) = before_everything;

__attribute__((constructor(101))) static void first_of_all()
{
    if (whole_life)
        keep_in_constructor();
}

__attribute__((destructor(101))) static void last_of_all()
{
    if (!whole_life)
        return;
    keep_in_destructor();
    wait_for_the_end("ready");
}

struct Global {
    Global()
    {
        if (whole_life)
            keep_in_initializer();
    }
    ~Global()
    {
        if (whole_life)
            keep_in_global_destructor();
    }
};
static Global global __attribute__((init_priority(102)));

struct Local {
    bool used = false;
    ~Local()
    {
        keep_in_thread_local();
    }
};
static thread_local Local local;

static void at_thread_end(void *)
{
    keep_in_key_destructor();
}

static void *in_thread(void *key)
{
    local.used = true;
    pthread_setspecific(*static_cast<pthread_key_t *>(key), key);
    keep_in_thread();
    return nullptr;
}

/* To allocate is no cancellation point: all blocks are made, though it was asked to end before. */
static void *cancelled(void *)
{
    pthread_cleanup_push([](void *) { keep_in_cleanup(); }, nullptr);
    pthread_cancel(pthread_self());
    keep_with_cancel_pending();
    pthread_testcancel();
    pthread_cleanup_pop(0);
    die("not cancelled");
    return nullptr;
}

static void run(void *(*function)(void *), void *arg)
{
    pthread_t thread;
    if (pthread_create(&thread, nullptr, function, arg) != 0 || pthread_join(thread, nullptr) != 0)
        die("thread");
}

static volatile sig_atomic_t signals;

static void on_timer(int)
{
    signals = signals + 1;
}

static void under_signals()
{
    struct itimerval often = {{0, 50}, {0, 50}}, never = {};
    signal(SIGALRM, on_timer);
    setitimer(ITIMER_REAL, &often, nullptr);
    keep_under_signals();
    while (signals < 10) /* on a machine so fast that hardly any came */
        free(malloc(100));
    setitimer(ITIMER_REAL, &never, nullptr);
}

/* Never destroyed. */
static struct {
    alignas(std::exception_ptr) char place[sizeof(std::exception_ptr)];
} exceptions[53];

extern "C" __attribute__((noinline)) void keep_by_throwing(void)
{
    for (auto &kept : exceptions) {
        try {
            throw 42;
        } catch (...) {
            new (kept.place) std::exception_ptr(std::current_exception());
        }
    }
}

extern "C" __attribute__((noinline)) void keep_by_loading(const char *library)
{
    for (int i = 0; i < 59; i++) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        auto allocate = handle
                            ? reinterpret_cast<void *(*)(size_t)>(dlsym(handle, "plugin_allocate"))
                            : nullptr;
        if (!allocate || !allocate(1433) || dlclose(handle) != 0)
            die("dlopen");
    }
}

/* A child that does not exec borrows our memory: what it does must not show. */
static void borrow()
{
    pid_t child = vfork();
    if (child == 0) {
        execl("/no/such/program", "program", nullptr);
        _exit(3);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 3)
        die("vfork");
}

static int life(const char *library)
{
    pthread_key_t key;
    pthread_key_create(&key, at_thread_end);
    atexit(keep_in_atexit);
    keep_in_main();
    run(in_thread, &key);
    run(cancelled, nullptr);
    under_signals();
    keep_by_throwing();
    keep_by_loading(library);
    borrow();
    exit(0); /* what comes after: at_exit handlers, then destructors */
}

static int be_forked()
{
    keep_in_main();
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        struct leakprof_options options = {};
        options.listen = "127.0.0.1:0";
        options.rate = LEAKPROF_RATE_KEEP;
        keep_in_child();
        if (!leakprof_start || leakprof_start(&options) != 0)
            die("leakprof_start");
        fprintf(stderr, "child: %s/\n", leakprof_url());
        wait_for_the_end("child ready");
        _exit(0);
    }
    wait_for_the_end("parent ready");
    int status;
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

static int again()
{
    keep_after_exec();
    for (int i = 0; i < 10; i++)
        usleep(50000); /* it lives on, so it is served */
    wait_for_the_end("again ready");
    return 0;
}

static int be_spawned(char *self)
{
    char word[] = "again";
    char *arguments[] = {self, word, nullptr};
    keep_in_main();
    pid_t first = vfork(), second;
    if (first == 0) {
        execv(self, arguments);
        _exit(1);
    }
    if (first < 0 || posix_spawn(&second, self, nullptr, nullptr, arguments, environ) != 0)
        die("spawn");
    wait_for_the_end("parent ready");
    int status[2];
    return waitpid(first, &status[0], 0) == first && waitpid(second, &status[1], 0) == second &&
                   status[0] == 0 && status[1] == 0
               ? 0
               : 1;
}

/* Long enough to be given all that a profiler gives to a thread. */
static void *short_life(void *)
{
    for (int i = 0; i < 40; i++) {
        void *block = malloc(100 + i);
        __asm__ volatile("" : : "r"(block) : "memory");
        free(block);
    }
    return nullptr;
}

static void come_and_go(int n)
{
    for (int i = 0; i < n; i += 4) {
        pthread_t some[4];
        for (auto &thread : some)
            if (pthread_create(&thread, nullptr, short_life, nullptr) != 0)
                die("pthread_create");
        for (auto &thread : some)
            pthread_join(thread, nullptr);
    }
    struct leakprof_stats stats = {};
    long pages = 0;
    if (leakprof_stats)
        leakprof_stats(&stats);
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld", &pages) != 1)
        die("statm");
    fclose(file);
    printf("tables %ld heap %ld mapped %ld\n", (long)stats.own_table_bytes,
           (long)stats.own_heap_bytes, pages * sysconf(_SC_PAGESIZE));
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "life") && argc == 3)
        return life(argv[2]);
    if (!strcmp(what, "fork"))
        return be_forked();
    if (!strcmp(what, "again"))
        return again();
    if (!strcmp(what, "spawn"))
        return be_spawned(argv[0]);
    if (!strcmp(what, "exec")) {
        char word[] = "again";
        char *arguments[] = {argv[0], word, nullptr};
        keep_in_main();
        execv(argv[0], arguments);
        die("execv");
    }
    if (!strcmp(what, "threads")) {
        come_and_go(1000);
        come_and_go(10000);
        return 0;
    }
    return 2;
}
