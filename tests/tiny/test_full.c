/* Tables that are full: the program goes on unharmed, what is in them stays right, and what had no
 * place is counted by its cause. Every table is filled by what it is there for. */
#include "unit.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "record/rate.h"
#include "record/self.h"
#include "crowd.h"
#include "write/write.h"
#include "leakprof.h"
#include "profile/take.h"
#include "record/blocks.h"
#include "record/capacity.h"
#include "sys/losses.h"
#include "record/maps.h"
#include "record/procs.h"
#include "record/sites.h"
#include "record/stacks.h"

enum { LEVELS = 8, STACKS = 1 << LEVELS, SIZE = 1337, SOME_MORE = 50 };

static void *kept[4 * LP_BLOCKS_MAX];

static void *opaque(void *block)
{
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

static void fill(unsigned char *block, size_t size, unsigned number)
{
    MUST(block != NULL);
    memset(block, (int)(number % 251), size);
}

static void check_and_free(unsigned char *block, size_t size, unsigned number)
{
    for (size_t i = 0; i < size; i++)
        MUST(block[i] == number % 251);
    free(block);
}

struct seen {
    int64_t bytes, objects, without_stack;
};

/* What the heap profile says of all blocks of these sizes. */
static struct seen look(int64_t from, int64_t to)
{
    struct seen seen = {0};
    int previous = lp_own_enter();
    struct lp_profile *heap = lp_take(lp_kind_find("heap"));
    for (size_t i = 0; i < heap->nrows; i++) {
        struct lp_row *row = &heap->rows[i];
        if (row->label_num < from || row->label_num > to)
            continue;
        seen.objects += row->value[2];
        seen.bytes += row->value[3];
        seen.without_stack += row->stack == LP_STACK_NONE ? row->value[2] : 0;
    }
    lp_profile_free(heap);
    lp_own_leave(previous);
    return seen;
}

static void find_cause(const char *cause, uint64_t count, void *arg)
{
    struct {
        const char *cause;
        uint64_t count;
    } *wanted = arg;
    if (!strcmp(cause, wanted->cause))
        wanted->count = count;
}

/* All places where losses are shown must say the same: so many by this cause, and no other. */
static void lost_only(const char *cause, uint64_t count)
{
    struct {
        const char *cause;
        uint64_t count;
    } wanted = {cause, 0};
    struct leakprof_stats stats;
    char *text = NULL, line[100];
    size_t size = 0;

    int previous = lp_own_enter();
    leakprof_each_loss(find_cause, &wanted);
    MUST_EQUAL(wanted.count, count);
    leakprof_stats(&stats);
    MUST_EQUAL(stats.losses, count);

    struct lp_profile *heap = lp_take(lp_kind_find("heap"));
    MUST_EQUAL(heap->losses, count);
    FILE *out = open_memstream(&text, &size);
    MUST(lp_write_text(out, heap, &(struct lp_view){.kind = heap->kind, .value = 3}) == 0);
    fclose(out);
    snprintf(line, sizeof line, "# losses: %d events could not be recorded\n", (int)count);
    MUST(strstr(text, line));
    free(text);
    lp_profile_free(heap);
    lp_own_leave(previous);
}

static unsigned base; /* of the numbers in `kept` */

static void allocate_here(unsigned number)
{
    number += base;
    fill(kept[number] = opaque(malloc(SIZE)), SIZE, number);
}

/* A block whose stack has no place is recorded all the same, under none. */
static void full_of_stacks(void)
{
    uint32_t before = lp_stack_count();
    lp_rate_set(1);
    crowd(LEVELS, 0, allocate_here);
    MUST_EQUAL(lp_stack_count(), LP_STACKS_MAX);
    uint64_t lost = STACKS - (LP_STACKS_MAX - before);
    struct seen seen = look(SIZE, SIZE);
    MUST_EQUAL(seen.objects, STACKS);
    MUST_EQUAL(seen.bytes, STACKS * SIZE);
    MUST_EQUAL(seen.without_stack, lost);
    lost_only("stacks_full", lost);
    for (unsigned i = 0; i < STACKS; i++)
        check_and_free(kept[i], SIZE, i);
    MUST_EQUAL(look(SIZE, SIZE).objects, 0);
    lost_only("stacks_full", lost);

    crowd(1, 0, allocate_here); /* stacks that are in the table serve on */
    MUST_EQUAL(look(SIZE, SIZE).objects, 2);
    lost_only("stacks_full", lost + look(SIZE, SIZE).without_stack);
}

enum { LEAVES_SIZES = 40 };

static void allocate_sizes_here(unsigned number)
{
    for (unsigned i = 0; i < LEAVES_SIZES; i++)
        fill(kept[number * LEAVES_SIZES + i] = opaque(malloc(SIZE + i)), SIZE + i, i);
}

/* A block without a place for its stack and size is not in the figures, coming or going. */
static void full_of_sites(void)
{
    enum { N = 4 * LEAVES_SIZES };
    lp_rate_set(1);
    uint32_t before = lp_site_count();
    crowd(2, 0, allocate_sizes_here);
    uint32_t recorded = LP_SITES_MAX - before;
    MUST(recorded < N);
    MUST_EQUAL(lp_site_count(), LP_SITES_MAX);
    MUST_EQUAL(look(SIZE, 2 * SIZE).objects, recorded);
    lost_only("sites_full", N - recorded);

    for (unsigned i = 0; i < N; i++)
        check_and_free(kept[i], SIZE + i % LEAVES_SIZES, i % LEAVES_SIZES);
    MUST_EQUAL(look(SIZE, 2 * SIZE).objects, 0);
    MUST_EQUAL(look(SIZE, 2 * SIZE).bytes, 0);
    lost_only("sites_full", N - recorded);
}

static void full_of_blocks(void)
{
    enum { MORE = LP_BLOCKS_MAX + SOME_MORE };
    lp_rate_set(1);
    uint32_t before = lp_blocks_live();
    for (unsigned i = 0; i < MORE; i++)
        fill(kept[i] = opaque(malloc(SIZE)), SIZE, i);
    uint32_t recorded = lp_blocks_live() - before;
    MUST(lp_blocks_live() <= LP_BLOCKS_MAX); /* other stripes of the table have the rest */
    MUST(lp_blocks_live() > LP_BLOCKS_MAX * 3 / 4);
    MUST_EQUAL(look(SIZE, SIZE).objects, recorded);
    lost_only("blocks_full", MORE - recorded);

    /* Those that are not in it are freed like the others. */
    for (unsigned i = 0; i < MORE; i++)
        check_and_free(kept[i], SIZE, i);
    MUST_EQUAL(look(SIZE, SIZE).objects, 0);
    MUST_EQUAL(lp_blocks_live(), before);
    MUST_EQUAL(before, 0);
    lost_only("blocks_full", MORE - recorded);

    /* realloc() moves a record, if there is one, and needs a place if there is none. */
    for (unsigned i = 0; i < MORE; i++)
        fill(kept[i] = opaque(malloc(SIZE)), SIZE, i);
    for (unsigned i = 0; i < MORE; i++) {
        kept[i] = opaque(realloc(kept[i], 2 * SIZE));
        fill(kept[i], 2 * SIZE, i);
    }
    MUST_EQUAL(look(SIZE, SIZE).objects, 0);
    struct seen seen = look(2 * SIZE, 2 * SIZE);
    MUST(seen.objects > 0 && seen.objects <= LP_BLOCKS_MAX - before);
    for (unsigned i = 0; i < MORE; i++)
        check_and_free(kept[i], 2 * SIZE, i);
    MUST_EQUAL(look(2 * SIZE, 2 * SIZE).objects, 0);
    MUST_EQUAL(lp_blocks_live(), before);
    MUST_EQUAL(lp_losses(LP_LOSS_FREE_MISSED), 0);
}

/* A descriptor without a place is shown, for the kernel knows it, but not who opened it. */
static void full_of_descriptors(void)
{
    enum { N = 2 * LP_FDS_MAX, SPARE = 8 };
    int fds[N], lost = 0, unknown = 0, known = 0;
    for (int i = 0; i < N; i++) {
        fds[i] = open("/dev/zero", O_RDONLY);
        MUST(fds[i] >= 0);
        lost += fds[i] >= LP_FDS_MAX;
    }
    for (int i = 0; i < SPARE; i++) /* low numbers for who looks, who would be lost too */
        close(fds[i]);
    int previous = lp_own_enter();
    struct lp_profile *profile = lp_take(lp_kind_find("fds"));
    for (size_t at = 0; at < profile->nitems; at++) {
        for (int i = SPARE; i < N; i++) {
            if (profile->items[at].id != fds[i])
                continue;
            unknown += profile->items[at].stack == LP_STACK_EARLIER;
            known += profile->items[at].stack >= LP_STACK_FIRST;
        }
    }
    lp_profile_free(profile);
    lp_own_leave(previous);
    MUST_EQUAL(unknown, lost);
    MUST_EQUAL(known, N - SPARE - lost);
    lost_only("fds_full", (uint64_t)lost);
    for (int i = SPARE; i < N; i++) {
        char byte = 1;
        MUST(read(fds[i], &byte, 1) == 1 && byte == 0);
        MUST(close(fds[i]) == 0);
    }
}

/* A mapping without a place is shown, for the kernel knows it, but not who made it; and it can be
 * ended like the others. */
static void full_of_mappings(void)
{
    enum { N = 2 * LP_MAPS_MAX, BYTES = 5 * 4096 };
    static char *maps[N];
    uint32_t before = lp_ranges_live(&lp_maps);
    for (int i = 0; i < N; i++) {
        maps[i] = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MUST(maps[i] != MAP_FAILED);
        *maps[i] = 1;
    }
    uint32_t recorded = lp_ranges_live(&lp_maps) - before;
    MUST(recorded > 0 && recorded < N);
    int64_t known = 0, nameless = 0;
    int previous = lp_own_enter();
    struct lp_profile *profile = lp_take(lp_kind_find("maps"));
    for (size_t i = 0; i < profile->nrows; i++) {
        if (!strcmp(profile->rows[i].label_text, "anonymous"))
            known += profile->rows[i].value[1];
        if (!strcmp(profile->rows[i].label_text, "unknown"))
            nameless += profile->rows[i].value[1];
    }
    lp_profile_free(profile);
    lp_own_leave(previous);
    MUST_EQUAL(known, recorded * BYTES);
    MUST(nameless >= (N - recorded) * BYTES);
    lost_only("maps_full", N - recorded);
    for (int i = 0; i < N; i++)
        MUST(munmap(maps[i], BYTES) == 0);
    MUST_EQUAL(lp_ranges_live(&lp_maps), before);
    lost_only("maps_full", N - recorded);
}

/* The same with children. */
static void full_of_children(void)
{
    enum { N = 2 * LP_PROCS_MAX };
    int known = 0, unknown = 0;
    for (int i = 0; i < N; i++) {
        siginfo_t info;
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        MUST(child > 0 && waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
    }
    struct lp_profile *profile = lp_take(lp_kind_find("procs"));
    MUST_EQUAL(profile->nitems, N);
    for (size_t i = 0; i < profile->nitems; i++) {
        known += profile->items[i].stack >= LP_STACK_FIRST;
        unknown += profile->items[i].stack == LP_STACK_EARLIER;
    }
    lp_profile_free(profile);
    MUST_EQUAL(known, LP_PROCS_MAX);
    MUST_EQUAL(unknown, N - LP_PROCS_MAX);
    lost_only("procs_full", N - LP_PROCS_MAX);
    for (int i = 0; i < N; i++)
        MUST(wait(NULL) > 0);
    MUST_EQUAL(lp_ranges_live(&lp_procs), 0);
}

/* All at once: no table has room, and nothing breaks. */
static void full_of_everything(void)
{
    enum { ROUNDS = 3, N = ROUNDS * STACKS };
    lp_rate_set(1);
    for (; base < N; base += STACKS)
        crowd(LEVELS, 0, allocate_here);
    for (unsigned i = N; i < 2 * N; i++)
        fill(kept[i] = opaque(malloc(SIZE + i)), SIZE + i, i);
    MUST(lp_losses(LP_LOSS_STACKS_FULL) > 0 && lp_losses(LP_LOSS_SITES_FULL) > 0);
    MUST(lp_losses(LP_LOSS_BLOCKS_FULL) > 0);
    int64_t objects = look(SIZE, 4 * SIZE).objects;
    MUST(objects > 0 && objects <= LP_BLOCKS_MAX);
    for (unsigned i = 0; i < 2 * N; i++)
        check_and_free(kept[i], i < N ? SIZE : SIZE + i, i);
    MUST_EQUAL(look(SIZE, 4 * SIZE).objects, 0);
    MUST_EQUAL(look(SIZE, 4 * SIZE).bytes, 0);
    MUST_EQUAL(lp_losses(LP_LOSS_FREE_MISSED), 0);
}

IN_A_CHILD(blocks_without_a_place_for_their_stack_stand_under_none, full_of_stacks)
IN_A_CHILD(blocks_without_a_place_for_their_site_are_losses, full_of_sites)
IN_A_CHILD(blocks_without_a_place_are_losses, full_of_blocks)
IN_A_CHILD(descriptors_without_a_place_are_losses, full_of_descriptors)
IN_A_CHILD(mappings_without_a_place_are_losses, full_of_mappings)
IN_A_CHILD(children_without_a_place_are_losses, full_of_children)
IN_A_CHILD(nothing_breaks_when_every_table_is_full, full_of_everything)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_without_a_place_for_their_stack_stand_under_none),
        cmocka_unit_test(blocks_without_a_place_for_their_site_are_losses),
        cmocka_unit_test(blocks_without_a_place_are_losses),
        cmocka_unit_test(descriptors_without_a_place_are_losses),
        cmocka_unit_test(mappings_without_a_place_are_losses),
        cmocka_unit_test(children_without_a_place_are_losses),
        cmocka_unit_test(nothing_breaks_when_every_table_is_full),
    };
    lp_rate_set(0);
    return cmocka_run_group_tests_name("full", tests, NULL, NULL);
}
