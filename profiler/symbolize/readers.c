#include "symbolize/readers.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "record/self.h"
#include "sys/pages.h"
#include "sys/syscall.h"

uint64_t lp_readers_max_bytes = 128 << 20;

struct slot {
    struct lp_reader reader;
    struct slot *next; /* the slot used before this one */
    struct lp_module *module;
    unsigned idle; /* number of lp_readers_release_idle() calls since its last use */
};

static struct slot *slots; /* most recently used first */
static int64_t heap_bytes; /* what libdw has allocated */

static jmp_buf no_memory;

static void leave(void)
{
    longjmp(no_memory, 1);
}

/* Runs a call of libdw. Counts what it allocates and frees: on this thread that is malloc's
 * (record/self.h). If memory is out, libdw would end the process (an assertion, or exit()). So the
 * call is left, `otherwise` is done, and what it was made for must not be used again. */
#define COUNTED(call, otherwise)                                                                   \
    do {                                                                                           \
        const int64_t before = lp_own_heap_here();                                                 \
        if (setjmp(no_memory) == 0) {                                                              \
            lp_own_no_memory(leave);                                                               \
            call;                                                                                  \
        } else {                                                                                   \
            otherwise;                                                                             \
        }                                                                                          \
        lp_own_no_memory(NULL);                                                                    \
        heap_bytes += lp_own_heap_here() - before;                                                 \
    } while (0)

static uint64_t bytes_of(const struct slot *from)
{
    uint64_t bytes = 0;
    for (; from; from = from->next)
        bytes += lp_object_bytes(&from->reader.object);
    return bytes;
}

/* Closes the slot that *first points to, and all that were used before it. */
static void close_from(struct slot **first)
{
    for (struct slot *slot = *first, *next; slot; slot = next) {
        next = slot->next;
        int64_t before = lp_own_heap_here();
        lp_debug_close(slot->reader.debug); /* allocates nothing */
        heap_bytes += lp_own_heap_here() - before;
        lp_object_close(&slot->reader.object);
        slot->module->symbols = NULL;
        free(slot);
    }
    *first = NULL;
    if (!slots)
        heap_bytes = 0;
}

/* How many bytes the next reader may copy. */
static uint64_t left(void)
{
    uint64_t taken = bytes_of(slots);
    return taken < lp_readers_max_bytes ? lp_readers_max_bytes - taken : 0;
}

static struct slot *open_slot(struct lp_module *module)
{
    struct slot *slot = calloc(1, sizeof *slot);
    struct lp_object *object = slot ? &slot->reader.object : NULL;
    if (!slot)
        return NULL;
    lp_object_open(object, module, left());
    if (object->too_large && slots) { /* does it fit without the others? */
        lp_object_close(object);
        close_from(&slots);
        lp_object_open(object, module, left());
    }
    if (object->debug.at)
        COUNTED(slot->reader.debug = lp_debug_open(&object->debug, &object->alt),
                slot->reader.debug = NULL);
    slot->module = module;
    module->symbols = slot;
    module->too_large = object->too_large;
    return slot;
}

static void take_out(struct slot *slot)
{
    struct slot **at = &slots;
    while (*at != slot)
        at = &(*at)->next;
    *at = slot->next;
}

struct lp_reader *lp_reader_of(struct lp_module *module)
{
    struct slot *slot = module->symbols;
    if (heap_bytes > LP_READERS_HEAP_BYTES) {
        close_from(&slots);
        slot = NULL;
    }
    if (slot)
        take_out(slot);
    else if (!(slot = open_slot(module)))
        return NULL;
    slot->next = slots;
    slots = slot;
    slot->idle = 0;
    return &slot->reader;
}

int lp_reader_look(struct lp_reader *reader, uint64_t pc, struct lp_source sources[LP_INLINED_MAX],
                   uint64_t *entry)
{
    volatile int n = 0;
    *entry = 0;
    if (reader->debug)
        COUNTED(n = lp_debug_look(reader->debug, pc, sources, entry), reader->debug = NULL);
    return n;
}

enum { BLOCK = 64 << 10 }; /* below malloc's threshold for mmap() */

/* What libdw and large answers freed stays with malloc, resident, below the first block that is
 * still in use. malloc_trim() would give it back, but it locks and walks the program's arenas. So
 * this takes the free memory in blocks, tells the kernel that their pages are not needed, and frees
 * them. */
void lp_give_back(int64_t bytes)
{
    struct block {
        struct block *next;
    } *blocks = NULL, *block;
    for (; bytes >= BLOCK && (block = malloc(BLOCK)); bytes -= BLOCK) {
        uintptr_t start = ((uintptr_t)(block + 1) + LP_PAGE - 1) & ~(uintptr_t)(LP_PAGE - 1);
        uintptr_t end = ((uintptr_t)block + BLOCK) & ~(uintptr_t)(LP_PAGE - 1);
        lp_syscall(SYS_madvise, start, end - start, MADV_DONTNEED);
        block->next = blocks;
        blocks = block;
    }
    for (; (block = blocks); free(block))
        blocks = block->next;
    lp_own_heap_peak(); /* these blocks were no request's */
}

/* Waits until no reader is open and no request has taken memory for a while. */
static int64_t give_back_idle(void)
{
    static int64_t peak;
    static unsigned quiet; /* calls of this */
    int64_t now = lp_own_heap(), highest = lp_own_heap_peak();
    peak = highest > peak ? highest : peak;
    quiet = highest - now >= BLOCK ? 0 : quiet + 1;
    if (slots || quiet < LP_READERS_IDLE || peak - now < BLOCK)
        return 0;
    int64_t bytes = peak - now;
    lp_give_back(bytes);
    peak = now;
    return bytes;
}

void lp_readers_close(void)
{
    close_from(&slots);
}

int64_t lp_readers_release_idle(void)
{
    struct slot **at = &slots;
    for (struct slot *slot = slots; slot; slot = slot->next)
        slot->idle++;
    while (*at && (*at)->idle < LP_READERS_IDLE) /* those behind it are idle for longer */
        at = &(*at)->next;
    close_from(at);
    return give_back_idle();
}
