/*
 * For tests of tables that are full: many different stacks, and children to fill the tables in, for
 * what is in a table stays there.
 */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* 2^levels different stacks end in `leaf`, which is called in each with its number. */
typedef void crowd_leaf(unsigned number);

__attribute__((noinline, unused)) static void crowd(int levels, unsigned number, crowd_leaf *leaf)
{
    if (levels == 0) {
        leaf(number);
        __asm__ volatile("");
        return;
    }
    crowd(levels - 1, number * 2, leaf);
    __asm__ volatile(""); /* two calls, not a loop */
    crowd(levels - 1, number * 2 + 1, leaf);
    __asm__ volatile("");
}

/* In the child: ends it, and the test, with the text of what does not hold. */
static int complaints;
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            dprintf(complaints, "line %d: %s", __LINE__, #condition);                              \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* The same for two numbers that must be the same. */
#define MUST_EQUAL(a, b)                                                                           \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        if (a_ != b_) {                                                                            \
            dprintf(complaints, "line %d: %s is %lld, %s is %lld", __LINE__, #a, a_, #b, b_);      \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void in_a_child(void (*test)(void))
{
    int ends[2], status = -1;
    char text[500] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        complaints = ends[1];
        test();
        _exit(0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0)
        fail_msg("%s (status %x)", n > 0 ? text : "no word from the child", status);
}

/* A test of the heap that is this function, in a process of its own. */
#define IN_A_CHILD(name, function)                                                                 \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        NEEDS_HOOKED_HEAP();                                                                       \
        in_a_child(function);                                                                      \
    }

#endif
