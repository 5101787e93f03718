/*
 * Inside this room: calls on sockets that have a time-out of their own (SO_RCVTIMEO, SO_SNDTIMEO).
 * The kernel ends them with EINTR after any signal (hooks/again.h). It repeats the others itself.
 */
#ifndef LP_HOOKS_SOCKETS_H
#define LP_HOOKS_SOCKETS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "hooks/again.h"
#include "sys/keep_errno.h"

/* Has any socket got a time-out? Only then the calls read the clock. */
extern _Atomic bool lp_sockets_timed __attribute__((visibility("hidden")));

/* Call it after an interruption, before the call is repeated. Waits until the call need not wait,
 * for the rest of the socket's time-out, which counts from *began (0: from now). false: the
 * time-out has passed (errno is EAGAIN), or a signal of the program's has arrived (EINTR). */
bool lp_socket_again(int fd, int option, int64_t *began);

#define LP_AGAIN_SOCKET(call, fd, option)                                                          \
    ({                                                                                             \
        bool timed = atomic_load_explicit(&lp_sockets_timed, memory_order_relaxed);                \
        int64_t began = __builtin_expect(timed, 0) ? lp_now_ns() : 0;                              \
        __typeof__(call) got;                                                                      \
        lp_hooks_lives(false);                                                                     \
        LP_NOTE_ERRNO(errno_);                                                                     \
        while (lp_interrupted_at = 0, got = (call),                                                \
               LP_EINTR(got) && LP_ONLY_OURS() && lp_socket_again(fd, option, &began))             \
            errno = errno_;                                                                        \
        got;                                                                                       \
    })

#endif
