/*
 * Waits for System V semaphores and messages, and for asynchronous I/O. The kernel ends them with
 * EINTR after any signal (hooks/again.h).
 */
#include "hooks/again.h"

#include <aio.h>
#include <sys/msg.h>
#include <sys/sem.h>

LP_FIND(semop)
LP_HOOK int semop(int semaphores, struct sembuf *operations, size_t n)
{
    return LP_AGAIN(LP_REAL(semop)(semaphores, operations, n));
}

LP_FIND(semtimedop)
LP_HOOK int semtimedop(int semaphores, struct sembuf *operations, size_t n,
                       const struct timespec *timeout)
{
    struct timespec left;
    int64_t until = lp_until(timeout);
    return LP_AGAIN_AFTER(
        LP_REAL(semtimedop)(semaphores, operations, n, timeout), LP_EINTR(got),
        if (timeout) { left = lp_left(until), timeout = &left; });
}

LP_FIND(msgrcv)
LP_HOOK ssize_t msgrcv(int queue, void *message, size_t size, long type, int flags)
{
    return LP_AGAIN(LP_REAL(msgrcv)(queue, message, size, type, flags));
}

LP_FIND(msgsnd)
LP_HOOK int msgsnd(int queue, const void *message, size_t size, int flags)
{
    return LP_AGAIN(LP_REAL(msgsnd)(queue, message, size, flags));
}

#define SUSPENDS(name, type)                                                                       \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name(const type *const list[], int n, const struct timespec *restrict timeout)     \
    {                                                                                              \
        struct timespec left;                                                                      \
        int64_t until = lp_until(timeout);                                                         \
        return LP_AGAIN_AFTER(                                                                     \
            LP_REAL(name)(list, n, timeout), LP_EINTR(got),                                        \
            if (timeout) { left = lp_left(until), timeout = &left; });                             \
    }
SUSPENDS(aio_suspend, struct aiocb)
SUSPENDS(aio_suspend64, struct aiocb64)
