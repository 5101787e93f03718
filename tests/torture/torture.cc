/*
 * A program that does, all at once and for as long as it is told, what makes profilers hang or crash:
 * threads that come and go, are cancelled, throw and catch, fork, vfork and spawn, load and unload
 * libraries, allocate in destructors of thread-local data, handle signals, and iterate over the
 * loader's list while they allocate. It checks its own memory and ends with 0 when all went well.
 *
 *   torture SECONDS LIBRARY
 */
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "leakprof.h"

#pragma weak leakprof_each_loss

extern char **environ;

static std::atomic<bool> stop;
static std::atomic<long> rounds[9];
static const char *library;

static void die(const char *what)
{
    fprintf(stderr, "torture: %s: %s\n", what, strerror(errno));
    _exit(1);
}

/* Blocks carry a pattern, so that one handed out twice or freed early is noticed. */
static void *mark(void *block, size_t size)
{
    if (!block)
        die("malloc");
    memset(block, static_cast<int>(size & 0xff), size);
    return block;
}

static void *take(size_t size) { return mark(malloc(size), size); }

/* By one call or another. */
static void *take_somehow(size_t size, unsigned random)
{
    void *block = nullptr;
    switch (random % 8) {
    case 0:
        block = calloc(1, size);
        for (size_t i = 0; block && i < size; i++)
            if (static_cast<unsigned char *>(block)[i] != 0)
                die("calloc: not zero");
        break;
    case 1:
        block = aligned_alloc(64, size);
        break;
    case 2:
        if (posix_memalign(&block, 4096, size) != 0)
            die("posix_memalign");
        break;
    case 3:
        block = reallocarray(nullptr, 1, size);
        break;
    default:
        block = malloc(size);
    }
    return mark(block, size);
}

static void give(void *memory, size_t size)
{
    auto *block = static_cast<unsigned char *>(memory);
    for (size_t i = 0; i < size; i++)
        if (block[i] != (size & 0xff))
            die("a block was changed by somebody else");
    free(block);
}

static void *churn(void *)
{
    struct {
        void *block;
        size_t size;
    } live[500] = {};
    unsigned random = static_cast<unsigned>(pthread_self()) | 1;
    while (!stop) {
        random = random * 1103515245 + 12345;
        auto &place = live[(random >> 8) % 500];
        if (place.block)
            give(place.block, place.size);
        place.size = (random >> 16) % 1000 == 0 ? 200000 : (random >> 16) % 700;
        place.block = take_somehow(place.size, random >> 20);
        if (random % 7 == 0) {
            size_t more = place.size + 333;
            give(place.block, place.size);
            place.block = realloc(take(10), more);
            memset(place.block, static_cast<int>(more & 0xff), more);
            place.size = more;
        }
        rounds[0]++;
    }
    for (auto &place : live)
        if (place.block)
            give(place.block, place.size);
    return nullptr;
}

static void *exceptions(void *)
{
    while (!stop) {
        try {
            std::vector<std::string> strings(10, std::string(100, 'x'));
            throw std::runtime_error(strings[3]);
        } catch (const std::exception &e) {
            if (strlen(e.what()) != 100)
                die("exception");
        }
        rounds[1]++;
    }
    return nullptr;
}

static pthread_key_t key;

static void at_thread_end(void *block)
{
    give(block, 77);
    void *late = take(88); /* after other destructors, ours of the profiler's among them */
    give(late, 88);
}

struct Local {
    std::string text = std::string(60, 'y');
    ~Local() { give(take(99), 99); }
};
static thread_local Local local;

static void *short_life(void *)
{
    pthread_setspecific(key, take(77));
    for (int i = 0; i < 20; i++)
        give(take(100 + i), 100 + i);
    return local.text.empty() ? &key : nullptr;
}

static void *threads(void *)
{
    while (!stop) {
        pthread_t some[8];
        for (auto &thread : some)
            if (pthread_create(&thread, nullptr, short_life, nullptr) != 0)
                die("pthread_create");
        for (auto &thread : some)
            pthread_join(thread, nullptr);
        rounds[2]++;
    }
    return nullptr;
}

static void *cancelled(void *)
{
    for (;;) {
        give(take(123), 123);
        pthread_testcancel();
    }
}

static void *cancels(void *)
{
    while (!stop) {
        pthread_t thread;
        if (pthread_create(&thread, nullptr, cancelled, nullptr) != 0)
            die("pthread_create");
        usleep(500);
        pthread_cancel(thread);
        pthread_join(thread, nullptr);
        rounds[3]++;
    }
    return nullptr;
}

static void reap(pid_t child, const char *how)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            die("waitpid");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "torture: child of %s: status %x\n", how, status);
        _exit(1);
    }
}

static void *forks(void *)
{
    while (!stop) {
        pid_t child = fork();
        if (child == 0) {
            for (int i = 0; i < 200; i++)
                give(take(50 + i), 50 + i);
            closefrom(3);
            for (int i = 0; i < 200; i++)
                give(take(50 + i), 50 + i);
            _exit(0);
        }
        if (child < 0)
            die("fork");
        reap(child, "fork");
        child = vfork();
        if (child == 0) {
            execl("/bin/true", "true", nullptr);
            _exit(1);
        }
        reap(child, "vfork");
        const char *argv[] = {"true", nullptr};
        if (posix_spawn(&child, "/bin/true", nullptr, nullptr, const_cast<char **>(argv), environ) != 0)
            die("posix_spawn");
        reap(child, "posix_spawn");
        rounds[4]++;
    }
    return nullptr;
}

static void *loads(void *)
{
    while (!stop) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        if (!handle) {
            fprintf(stderr, "torture: %s\n", dlerror());
            _exit(1);
        }
        auto allocate = reinterpret_cast<void *(*)(size_t)>(dlsym(handle, "plugin_allocate"));
        void *block = allocate(321);
        memset(block, 321 & 0xff, 321);
        dlclose(handle);
        give(block, 321);
        rounds[5]++;
    }
    return nullptr;
}

static int look(struct dl_phdr_info *, size_t, void *)
{
    give(take(45), 45); /* the loader's lock is held here */
    return 0;
}

static void *iterates(void *)
{
    while (!stop) {
        dl_iterate_phdr(look, nullptr);
        rounds[6]++;
    }
    return nullptr;
}

static void on_timer(int)
{
    int kept = errno;
    rounds[7]++;
    errno = kept;
}

static void *descriptors(void *)
{
    while (!stop) {
        int ends[2];
        if (pipe(ends) != 0)
            die("pipe");
        FILE *file = fopen("/dev/null", "w");
        char byte = 'x';
        if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1 || byte != 'x')
            die("a descriptor is not ours any more");
        fclose(file);
        close(ends[0]);
        close(ends[1]);
        rounds[8]++;
    }
    return nullptr;
}

static void print_loss(const char *cause, uint64_t count, void *)
{
    if (count > 0)
        printf("lost: %s %llu\n", cause, static_cast<unsigned long long>(count));
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    library = argv[2];
    pthread_key_create(&key, at_thread_end);

    struct sigaction action = {};
    action.sa_handler = on_timer;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, nullptr);
    struct itimerval often = {{0, 2000}, {0, 2000}};
    setitimer(ITIMER_REAL, &often, nullptr);

    void *(*const all[])(void *) = {churn,   churn, exceptions, threads, cancels,
                                    forks,   loads, iterates,   descriptors};
    std::vector<pthread_t> running;
    for (auto run : all) {
        running.emplace_back();
        if (pthread_create(&running.back(), nullptr, run, nullptr) != 0)
            die("pthread_create");
    }
    time_t end = time(nullptr) + atoi(argv[1]);
    while (time(nullptr) < end)
        usleep(100000);
    stop = true;
    for (auto thread : running)
        pthread_join(thread, nullptr);

    static const char *const names[] = {"churn", "exceptions", "threads", "cancels", "forks",
                                        "loads", "iterates",   "signals", "descriptors"};
    if (leakprof_each_loss)
        leakprof_each_loss(print_loss, nullptr);
    for (int i = 0; i < 9; i++) {
        printf("%s %ld\n", names[i], rounds[i].load());
        if (rounds[i] == 0)
            return 1;
    }
    return 0;
}
