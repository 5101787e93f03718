/* In a signal handler it is known whether the interrupted code only waits, with one thread and with
 * more. No other call is taken for a wait. */
#include "unit.h"

#include <alloca.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hooks/handlers.h"

enum { ROUNDS = 50, EVERY_US = 3000 };

static volatile sig_atomic_t waits_seen, handlers_run;
static int epoll, listener, pipes[2];
static pid_t child;

static void look(int number)
{
    (void)number;
    handlers_run++;
    waits_seen += lp_handlers_safe();
}

static void set_timer(int every_us, int flags)
{
    struct sigaction action = {.sa_handler = look, .sa_flags = flags};
    struct itimerval timer = {{0, every_us}, {0, every_us}};
    sigaction(SIGALRM, &action, NULL);
    waits_seen = handlers_run = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void in_poll(void)
{
    poll(NULL, 0, -1);
}

static void in_ppoll(void)
{
    ppoll(NULL, 0, NULL, NULL);
}

static void in_select(void)
{
    select(0, NULL, NULL, NULL, NULL);
}

static void in_select_with_time(void)
{
    struct timeval time = {1000, 0};
    select(0, NULL, NULL, NULL, &time);
}

static void in_pselect(void)
{
    pselect(0, NULL, NULL, NULL, NULL, NULL);
}

static void in_epoll_wait(void)
{
    struct epoll_event event;
    epoll_wait(epoll, &event, 1, -1);
}

static void in_epoll_pwait(void)
{
    struct epoll_event event;
    epoll_pwait(epoll, &event, 1, -1, NULL);
}

#if __GLIBC_PREREQ(2, 35)
static void in_epoll_pwait2(void)
{
    struct epoll_event event;
    epoll_pwait2(epoll, &event, 1, NULL, NULL);
}
#endif

static void in_accept(void)
{
    accept(listener, NULL, NULL);
}

static void in_accept4(void)
{
    accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static void in_sigsuspend(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigsuspend(&none);
}

static void in_sigtimedwait(void)
{
    sigset_t set;
    struct timespec time = {1000, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigtimedwait(&set, NULL, &time);
}

static void in_pause(void)
{
    pause();
}

static void in_nanosleep(void)
{
    struct timespec time = {1000, 0};
    nanosleep(&time, NULL);
}

static void in_waitpid(void)
{
    waitpid(child, NULL, 0);
}

static void in_waitid(void)
{
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED);
}

static void in_read(void)
{
    char byte;
    read(pipes[0], &byte, 1);
}

static void in_recv(void)
{
    static int pair[2];
    char byte;
    if (pair[0] == 0)
        assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), errno);
    recv(pair[0], &byte, 1, 0);
}

static void in_write(void)
{
    static char block[65536];
    static int full[2];
    if (full[0] == 0)
        assert_return_code(pipe(full), errno);
    write(full[1], block, sizeof block);
}

static void in_malloc(void)
{
    for (int i = 0; i < 1000; i++)
        free(malloc((size_t)(i % 7) * 100000 + 1));
}

static const struct {
    const char *name;
    void (*run)(void);
} waits[] = {{"poll", in_poll},
             {"ppoll", in_ppoll},
             {"select", in_select},
             {"select with a time", in_select_with_time},
             {"pselect", in_pselect},
             {"epoll_wait", in_epoll_wait},
             {"epoll_pwait", in_epoll_pwait},
#if __GLIBC_PREREQ(2, 35)
             {"epoll_pwait2", in_epoll_pwait2},
#endif
             {"accept", in_accept},
             {"accept4", in_accept4},
             {"sigsuspend", in_sigsuspend},
             {"sigtimedwait", in_sigtimedwait},
             {"pause", in_pause},
             {"nanosleep", in_nanosleep},
             {"waitpid", in_waitpid},
             {"waitid", in_waitid}},
  others[] = {{"read", in_read}, {"recv", in_recv}, {"write", in_write}, {"malloc", in_malloc}};

/* Overwrites what earlier handlers left in the part of the stack that later calls use. */
__attribute__((noinline)) static void clear_stack(void)
{
    volatile char area[32768];
    for (size_t i = 0; i < sizeof area; i++)
        area[i] = 0;
}

__attribute__((noinline)) static void run_below(size_t bytes, void (*run)(void))
{
    volatile char *gap = alloca(bytes + 1);
    gap[bytes] = 0;
    run();
}

static void short_wait(void)
{
    poll(NULL, 0, 0);
}

/* Does it look like a wait at any time, if one before it left its frames in the stack below? They
 * lie at every offset in turn. */
static bool taken_for_a_wait(void (*run)(void))
{
    enum { STEP = 16, STEPS = 64, DEPTH = STEP * STEPS / 2 };
    bool taken = false;
    for (int i = 0; i < STEPS && !taken; i++) {
        clear_stack();
        run_below((size_t)STEP * (size_t)i, short_wait);
        waits_seen = handlers_run = 0;
        while (!handlers_run)
            run_below(DEPTH, run);
        taken = waits_seen;
    }
    return taken;
}

static void all_are_known(void)
{
    int unknown = 0;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        set_timer(EVERY_US, 0);
        for (int round = 0; round < ROUNDS && !waits_seen; round++) {
            clear_stack();
            waits[i].run();
        }
        if (!waits_seen && errno != ENOSYS)
            print_error("%s is not known for a wait\n", waits[i].name), unknown++;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        set_timer(EVERY_US, 0);
        if (taken_for_a_wait(others[i].run))
            print_error("%s is taken for a wait\n", others[i].name), unknown++;
    }
    set_timer(0, 0);
    assert_int_equal(unknown, 0);
}

static void with_one_thread(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    all_are_known();
}

static void *waiting(void *lock)
{
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

static void with_threads(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_mutex_lock(&lock);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL); /* the handler runs in this thread only */
    assert_int_equal(pthread_create(&thread, NULL, waiting, &lock), 0);
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    all_are_known();
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
}

/* The handler ends what the call waits for. */
static void look_and_end(int number)
{
    look(number);
    if (waits_seen || handlers_run == ROUNDS)
        kill(child, SIGKILL);
}

static void one_that_the_kernel_restarts(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    struct sigaction action = {.sa_handler = look_and_end, .sa_flags = SA_RESTART};
    set_timer(EVERY_US, 0);
    sigaction(SIGALRM, &action, NULL);
    clear_stack();
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(waits_seen);
    set_timer(0, 0);
}

static int start(void **state)
{
    (void)state;
    if ((child = fork()) == 0) {
        alarm(120);
        pause();
        _exit(0);
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr any = {.sa_family = AF_UNIX}; /* the kernel finds a free name */
    return child < 0 || bind(listener, &any, sizeof any.sa_family) != 0 ||
           listen(listener, 1) != 0 || pipe(pipes) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_one_thread),
        cmocka_unit_test(with_threads),
        cmocka_unit_test(one_that_the_kernel_restarts),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
