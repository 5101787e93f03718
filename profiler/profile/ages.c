/*
 * The walk holds locks, so it must not allocate: all room is made before it. A stack has room for
 * as many buckets as it may need: one per block in use, but not more than the age of the process
 * requires. So stacks with few blocks take little memory, and there may be very many of them.
 * Stacks with room for all buckets need no search.
 *
 * Blocks are spread over memory, and the walk waits for each to be read. So what is needed of a
 * block is copied first, and booked in batches. Then the reads do not depend on each other, and the
 * processor does many at once.
 */
#include "profile/ages.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sys/array.h"
#include "sys/clock.h"
#include "record/blocks.h"
#include "record/stacks.h"

struct slot {
    uint32_t stack, oldest, youngest;
    uint32_t capacity, used; /* buckets */
    uint64_t objects;
    size_t first; /* the index of its first bucket */
};

struct seen {
    uint32_t site, birth;
    float weight;
};
enum { BATCH = 256 };

struct lp_ages_taking {
    uint32_t nsites, nstacks, now, nbuckets;
    uint32_t *slot_of_site, *slot_of_stack; /* numbers from 1; 0: none */
    struct slot *slots;
    size_t nslots, slots_capacity;
    double *weights;
    uint8_t *buckets; /* their numbers, in slots without room for all */
    bool failed;
    uint32_t nseen;
    struct seen seen[BATCH];
};

struct part {
    float weight;
    uint32_t bucket;
};

struct of_stack {
    uint32_t stack, oldest, youngest, nparts;
    size_t first;
};

struct lp_ages {
    _Atomic unsigned
        owners; /* a difference is made and freed by another thread (serve/helpers.h) */
    size_t n;   /* number of stacks; they are sorted */
    struct of_stack *stacks;
    struct part *parts;
};

enum { ROOM_TO_GROW = 4, EXACT = 8 }; /* EXACT: lower ages have one bucket each */

static uint32_t bucket_of(uint32_t ticks)
{
    if (ticks < EXACT)
        return ticks;
    uint32_t octave = 31 - (uint32_t)__builtin_clz(ticks);
    return (octave - 1) * 4 + (ticks >> (octave - 2) & 3);
}

/* The first age of a bucket. */
static uint64_t begin_of(uint32_t bucket)
{
    return bucket < EXACT ? bucket : (uint64_t)(4 + bucket % 4) << (bucket / 4 - 1);
}

static void taking_free(struct lp_ages_taking *taking)
{
    free(taking->slot_of_site);
    free(taking->slot_of_stack);
    free(taking->slots);
    free(taking->weights);
    free(taking->buckets);
    free(taking);
}

struct lp_ages_taking *lp_ages_begin(uint32_t nsites, uint32_t now)
{
    struct lp_ages_taking *taking = calloc(1, sizeof *taking);
    if (!taking)
        return NULL;
    taking->nsites = nsites;
    taking->now = now;
    taking->nbuckets = bucket_of(now) + 1;
    taking->nstacks =
        lp_stack_count() + LP_STACK_FIRST; /* after the sites: includes their stacks */
    taking->slot_of_site = calloc(nsites + 1, sizeof *taking->slot_of_site);
    taking->slot_of_stack = calloc(taking->nstacks, sizeof *taking->slot_of_stack);
    if (taking->slot_of_site && taking->slot_of_stack)
        return taking;
    taking_free(taking);
    return NULL;
}

static uint32_t new_slot(struct lp_ages_taking *taking, uint32_t stack)
{
    if (!lp_array_reserve(&taking->slots, &taking->slots_capacity, taking->nslots + 1,
                          sizeof *taking->slots)) {
        taking->failed = true;
        return 0;
    }
    taking->slots[taking->nslots] = (struct slot){.stack = stack, .youngest = UINT32_MAX};
    return (uint32_t)++taking->nslots;
}

void lp_ages_expect(struct lp_ages_taking *taking, uint32_t site, uint32_t stack, int64_t objects)
{
    if (!taking || site >= taking->nsites || stack >= taking->nstacks || objects <= 0)
        return;
    uint32_t *slot = &taking->slot_of_stack[stack];
    if (*slot == 0 && (*slot = new_slot(taking, stack)) == 0)
        return;
    taking->slot_of_site[site] = *slot;
    taking->slots[*slot - 1].objects += (uint64_t)objects;
}

static bool make_room(struct lp_ages_taking *taking)
{
    size_t total = 0;
    for (uint32_t i = 0; i < taking->nslots; i++) {
        struct slot *slot = &taking->slots[i];
        uint64_t wanted = slot->objects + ROOM_TO_GROW;
        slot->capacity = wanted < taking->nbuckets ? (uint32_t)wanted : taking->nbuckets;
        slot->first = total;
        slot->used = slot->capacity == taking->nbuckets ? slot->capacity : 0;
        total += slot->capacity;
    }
    taking->weights = malloc((total + 1) * sizeof *taking->weights);
    taking->buckets = malloc(total + 1);
    if (!taking->weights || !taking->buckets)
        return false;
    /* Writes the memory now, so that no page fault happens while a lock is held. */
    memset(taking->weights, 0, (total + 1) * sizeof *taking->weights);
    memset(taking->buckets, 0, total + 1);
    return true;
}

/* The place of a bucket in its slot. If the slot is full, because more blocks were allocated
 * meanwhile, the last place is used. */
static size_t place_of(struct lp_ages_taking *taking, struct slot *slot, uint32_t bucket)
{
    uint8_t *buckets = taking->buckets + slot->first;
    if (slot->capacity == taking->nbuckets)
        return slot->first + bucket;
    for (uint32_t i = 0; i < slot->used; i++)
        if (buckets[i] == bucket)
            return slot->first + i;
    if (slot->used == slot->capacity)
        return slot->first + slot->used - 1;
    buckets[slot->used] = (uint8_t)bucket;
    return slot->first + slot->used++;
}

static uint32_t bucket_at(const struct lp_ages_taking *taking, const struct slot *slot, uint32_t i)
{
    return slot->capacity == taking->nbuckets ? i : taking->buckets[slot->first + i];
}

static void book(struct lp_ages_taking *taking, const struct seen *seen)
{
    uint32_t number = seen->site < taking->nsites ? taking->slot_of_site[seen->site] : 0;
    if (number == 0)
        return;
    struct slot *slot = &taking->slots[number - 1];
    uint32_t age = taking->now > seen->birth ? taking->now - seen->birth : 0;
    if (age > slot->oldest)
        slot->oldest = age;
    if (age < slot->youngest)
        slot->youngest = age;
    taking->weights[place_of(taking, slot, bucket_of(age))] += (double)seen->weight;
}

static void book_batch(struct lp_ages_taking *taking)
{
    for (uint32_t i = 0; i < taking->nseen; i++)
        book(taking, &taking->seen[i]);
    taking->nseen = 0;
}

static void visit(const struct lp_block *block, void *arg)
{
    struct lp_ages_taking *taking = arg;
    taking->seen[taking->nseen++] = (struct seen){block->site, block->birth, block->weight};
    if (taking->nseen == BATCH)
        book_batch(taking);
}

static struct lp_ages *new_ages(const struct lp_ages_taking *taking)
{
    size_t nparts = 0;
    for (uint32_t i = 0; i < taking->nslots; i++)
        for (uint32_t k = 0; k < taking->slots[i].used; k++)
            nparts += taking->weights[taking->slots[i].first + k] > 0;

    struct lp_ages *ages = calloc(1, sizeof *ages);
    if (!ages)
        return NULL;
    atomic_init(&ages->owners, 1);
    ages->stacks = calloc(taking->nslots + 1, sizeof *ages->stacks);
    ages->parts = calloc(nparts + 1, sizeof *ages->parts);
    if (ages->stacks && ages->parts)
        return ages;
    lp_ages_drop(ages);
    return NULL;
}

static struct lp_ages *pack(const struct lp_ages_taking *taking)
{
    struct lp_ages *ages = new_ages(taking);
    size_t nparts = 0;
    for (uint32_t stack = 0; ages && stack < taking->nstacks; stack++) {
        if (taking->slot_of_stack[stack] == 0)
            continue;
        const struct slot *slot = &taking->slots[taking->slot_of_stack[stack] - 1];
        struct of_stack *of = &ages->stacks[ages->n];
        *of = (struct of_stack){
            .stack = stack, .oldest = slot->oldest, .youngest = slot->youngest, .first = nparts};
        for (uint32_t k = 0; k < slot->used; k++)
            if (taking->weights[slot->first + k] > 0)
                ages->parts[nparts++] = (struct part){(float)taking->weights[slot->first + k],
                                                      bucket_at(taking, slot, k)};
        of->nparts = (uint32_t)(nparts - of->first);
        ages->n += of->nparts > 0;
    }
    return ages;
}

struct lp_ages *lp_ages_end(struct lp_ages_taking *taking)
{
    struct lp_ages *ages = NULL;
    if (!taking)
        return NULL;
    if (!taking->failed && make_room(taking)) {
        lp_blocks_each(visit, taking);
        book_batch(taking);
        ages = pack(taking);
    }
    taking_free(taking);
    return ages;
}

int64_t lp_ages_bytes(const struct lp_ages *ages)
{
    size_t nparts =
        ages && ages->n ? ages->stacks[ages->n - 1].first + ages->stacks[ages->n - 1].nparts : 0;
    return ages ? (int64_t)(sizeof *ages + ages->n * sizeof *ages->stacks +
                            nparts * sizeof *ages->parts)
                : 0;
}

struct lp_ages *lp_ages_share(struct lp_ages *ages)
{
    if (ages)
        atomic_fetch_add(&ages->owners, 1);
    return ages;
}

void lp_ages_drop(struct lp_ages *ages)
{
    if (!ages || atomic_fetch_sub(&ages->owners, 1) > 1)
        return;
    free(ages->stacks);
    free(ages->parts);
    free(ages);
}

static int by_stack(const void *key, const void *element)
{
    uint32_t a = *(const uint32_t *)key, b = ((const struct of_stack *)element)->stack;
    return (a > b) - (a < b);
}

bool lp_ages_add(const struct lp_ages *ages, uint32_t stack, struct lp_age_sum *sum)
{
    const struct of_stack *of =
        ages ? bsearch(&stack, ages->stacks, ages->n, sizeof *of, by_stack) : NULL;
    if (!of)
        return false;
    if (sum->total <= 0 || of->youngest < sum->youngest)
        sum->youngest = of->youngest;
    if (of->oldest > sum->oldest)
        sum->oldest = of->oldest;
    for (size_t i = of->first; i < of->first + of->nparts; i++) {
        sum->weight[ages->parts[i].bucket] += (double)ages->parts[i].weight;
        sum->total += (double)ages->parts[i].weight;
    }
    return true;
}

bool lp_age_of(const struct lp_age_sum *sum, struct lp_age *age)
{
    double younger = 0;
    uint32_t bucket = 0;
    if (sum->total <= 0)
        return false;
    while (bucket < LP_AGE_BUCKETS - 1 && (younger += sum->weight[bucket]) < sum->total / 2)
        bucket++;
    uint64_t median = (begin_of(bucket) + begin_of(bucket + 1)) / 2;
    if (median < sum->youngest)
        median = sum->youngest;
    if (median > sum->oldest)
        median = sum->oldest;
    age->oldest_ns = (int64_t)sum->oldest * LP_TICK_NS;
    age->median_ns = (int64_t)median * LP_TICK_NS;
    return true;
}

bool lp_ages_get(const struct lp_ages *ages, uint32_t stack, struct lp_age *age)
{
    struct lp_age_sum sum = {0};
    return lp_ages_add(ages, stack, &sum) && lp_age_of(&sum, age);
}

double lp_age_between(const struct lp_age_sum *sum, int64_t from_ns, int64_t to_ns)
{
    double blocks = 0;
    for (uint32_t i = 0; i < LP_AGE_BUCKETS; i++)
        if ((int64_t)begin_of(i) * LP_TICK_NS >= from_ns &&
            (int64_t)begin_of(i + 1) * LP_TICK_NS <= to_ns)
            blocks += sum->weight[i];
    return blocks;
}
