/*
 * Code without unwind tables where a library's stood before: loads a library, lets it allocate,
 * unloads it, writes code to the same address that allocates with a frame pointer of its own
 * making, and loads the library again. Ends with 0.
 *
 *   jit LIBRARY
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROUNDS = 20, CALLS = 100, PAUSE_US = 15000, PAGE = 4096 };

typedef void *allocate(size_t size);

static void fail(const char *what)
{
    fprintf(stderr, "jit: %s\n", what);
    exit(1);
}

static void call(allocate *function)
{
    for (int i = 0; i < CALLS; i++) {
        void *block = function(100);
        if (!block)
            fail("no block");
        memset(block, 1, 100);
        free(block);
    }
}

/* push rbp; mov rbp, 1; sub rsp, 4096; mov rax, malloc; call rax; add rsp, 4096; pop rbp; ret */
static void write_code(unsigned char *at)
{
    static const unsigned char head[] = {0x55, 0x48, 0xc7, 0xc5, 1, 0, 0,    0,   0x48,
                                         0x81, 0xec, 0,    0x10, 0, 0, 0x48, 0xb8};
    static const unsigned char tail[] = {0xff, 0xd0, 0x48, 0x81, 0xc4, 0, 0x10, 0, 0, 0x5d, 0xc3};
    uint64_t target = (uint64_t)(uintptr_t)malloc;
    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, &target, sizeof target);
    memcpy(at + sizeof head + sizeof target, tail, sizeof tail);
}

int main(int argc, char **argv)
{
    int replaced = 0;
    for (int i = 0; argc == 2 && i < ROUNDS; i++) {
        void *library = dlopen(argv[1], RTLD_NOW);
        if (!library)
            fail(dlerror());
        allocate *function = (allocate *)dlsym(library, "plugin_allocate");
        usleep(PAUSE_US); /* time for a profiler to look at the list of libraries again */
        call(function);
        dlclose(library);

        unsigned char *page = (unsigned char *)((uintptr_t)function & ~(uintptr_t)(PAGE - 1));
        if (mmap(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != page)
            continue; /* somebody else is there already */
        replaced++;
        write_code((unsigned char *)function);
        call(function);
        munmap(page, PAGE);
    }
    return replaced > 0 ? 0 : 2;
}
