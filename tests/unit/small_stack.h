/* For tests of what signal handlers need: the smallest signal stack that there may be, with a page
 * that nobody may touch below it. */
#ifndef TESTS_UNIT_SMALL_STACK_H
#define TESTS_UNIT_SMALL_STACK_H

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct small_stack {
    char *memory;
    size_t size, capacity; /* of the memory; of the stack, at its end */
    bool set;
};

enum { SMALL_STACK_PAGE = 4096, SMALL_STACK_UNUSED = 0x5a };

/* For this thread, which gives it to small_stack_end() before it ends. */
static inline struct small_stack small_stack_begin(void)
{
    size_t page = SMALL_STACK_PAGE, capacity = (size_t)sysconf(_SC_MINSIGSTKSZ) + 1024;
    size_t size = page + (capacity + page - 1) / page * page;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory, page, PROT_NONE);
    stack_t stack = {.ss_sp = memory + size - capacity, .ss_size = capacity};
    memset(memory + page, SMALL_STACK_UNUSED,
           size - capacity - page); /* the rest of the lowest page */
    return (struct small_stack){memory, size, capacity, sigaltstack(&stack, NULL) == 0};
}

/* Was it there, and was it enough? */
static inline bool small_stack_end(const struct small_stack *small)
{
    bool whole = small->set;
    for (size_t i = SMALL_STACK_PAGE; i < small->size - small->capacity; i++)
        whole &= small->memory[i] == SMALL_STACK_UNUSED;
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    munmap(small->memory, small->size);
    return whole;
}

#endif
