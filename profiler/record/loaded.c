#include "record/loaded.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "record/loader.h"
#include "record/self.h"
#include "record/unwind.h"
#include "sys/lock.h"
#include "sys/pages.h"
#include "sys/slab.h"
#include "sys/syscall.h"
#include "record/stacks.h"

enum { BUCKETS = 256, TEXT_SHIFT = 14 };

struct record {
    struct lp_loaded loaded;
    const char *raw; /* the name as the loader has it: the end of loaded.name */
    uint32_t next;   /* in its bucket: number plus one; 0 ends it */
    uint32_t seen;   /* in which look last */
};

static struct lp_slab records = LP_SLAB(sizeof(struct record), 6, LP_OWN_MODULES);
static struct lp_slab text = LP_SLAB(1, TEXT_SHIFT, LP_OWN_MODULES);

/* Protects all below, and the records but for their identity. Taken with the loader's lock held, so
 * its holder never asks the loader. */
static struct lp_lock lock;
static uint32_t buckets[BUCKETS];     /* by start: number plus one */
static uint32_t looks, last_look;     /* how many, and which stack number was next at the last */
static unsigned long long adds, subs; /* the loader's counters at the last */

struct look {
    uint32_t number;
    uint32_t before, now; /* stack numbers: at the look before this one, and now */
    bool started, unchanged;
};

static uint32_t next_stack(void)
{
    return lp_stack_count() + LP_STACK_FIRST;
}

static void read_build_id(const struct dl_phdr_info *info, char hex[65])
{
    hex[0] = '\0';
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_NOTE)
            continue;
        size_t round = segment->p_align == 8 ? 7 : 3;
        const char *at = (const char *)(info->dlpi_addr + segment->p_vaddr);
        const char *end = at + segment->p_memsz;
        while (end - at > (ptrdiff_t)sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *note = (const void *)at;
            const char *name = at + sizeof *note;
            const char *desc = at + ((sizeof *note + note->n_namesz + round) & ~round);
            if (note->n_namesz > (size_t)(end - name) || desc > end ||
                note->n_descsz > (size_t)(end - desc))
                break;
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && !memcmp(name, "GNU", 4))
                for (uint32_t k = 0; k < note->n_descsz && k < 32; k++)
                    snprintf(hex + 2 * k, 3, "%02x", (unsigned char)desc[k]);
            at = desc + ((note->n_descsz + round) & ~round);
        }
    }
}

/* A name without a slash in front is one in the directory of the moment. */
static bool keep_name(struct record *r, const char *raw)
{
    char directory[PATH_MAX];
    size_t length = strlen(raw), before = 0;
    if (raw[0] != '/' && strchr(raw, '/') &&
        lp_syscall(SYS_getcwd, directory, sizeof directory - 1) > 0 && directory[0] == '/') {
        before = strlen(directory);
        directory[before++] = '/';
    }
    size_t bytes = before + length + 1;
    uint32_t at = bytes <= 1u << TEXT_SHIFT ? lp_slab_add(&text, (uint32_t)bytes) : LP_SLAB_FULL;
    if (at == LP_SLAB_FULL)
        return false;
    char *name = lp_slab_at(&text, at);
    memcpy(name, directory, before);
    memcpy(name + before, raw, length + 1);
    r->loaded.name = name;
    r->raw = name + before;
    return true;
}

static struct lp_loaded describe(const struct dl_phdr_info *info, const ElfW(Phdr) * code)
{
    uintptr_t start = info->dlpi_addr + code->p_vaddr, limit = start + code->p_memsz;
    struct lp_loaded loaded = {
        .start = start & ~(uintptr_t)(LP_PAGE - 1),
        .limit = (limit + LP_PAGE - 1) & ~(uintptr_t)(LP_PAGE - 1),
        .offset = code->p_offset & ~(uintptr_t)(LP_PAGE - 1),
        .bias = info->dlpi_addr,
    };
    read_build_id(info, loaded.build_id);
    return loaded;
}

static struct record *find(const struct lp_loaded *wanted, const char *raw, uint32_t *bucket)
{
    for (uint32_t i = *bucket; i;) {
        struct record *r = lp_slab_at(&records, i - 1);
        if (r->loaded.start == wanted->start && r->loaded.limit == wanted->limit &&
            r->loaded.bias == wanted->bias && !strcmp(r->loaded.build_id, wanted->build_id) &&
            !strcmp(r->raw, raw))
            return r;
        i = r->next;
    }
    return NULL;
}

static struct record *add(const struct lp_loaded *wanted, const char *raw, uint32_t *bucket)
{
    struct record made = {.loaded = *wanted, .next = *bucket};
    if (!keep_name(&made, raw))
        return NULL;
    uint32_t place = lp_slab_add(&records, 1);
    if (place == LP_SLAB_FULL)
        return NULL;
    struct record *r = lp_slab_at(&records, place);
    *r = made;
    *bucket = place + 1;
    return r;
}

static void begin_stay(struct lp_loaded *loaded, const struct look *look)
{
    struct lp_stay *last = &loaded->stays[loaded->nstays ? loaded->nstays - 1 : 0];
    if (loaded->nstays > 0 && (last->to >= look->before || loaded->nstays == LP_STAYS_MAX)) {
        last->to = UINT32_MAX; /* no stack has come since; or this is what is not told apart */
        return;
    }
    loaded->stays[loaded->nstays++] = (struct lp_stay){look->before, UINT32_MAX};
}

static bool is_there(const struct lp_loaded *loaded)
{
    return loaded->nstays > 0 && loaded->stays[loaded->nstays - 1].to == UINT32_MAX;
}

static void note(const struct dl_phdr_info *info, const struct look *look)
{
    const ElfW(Phdr) *code = NULL;
    for (int i = 0; i < info->dlpi_phnum && !code; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X))
            code = &info->dlpi_phdr[i];
    if (!code)
        return;

    struct lp_loaded seen = describe(info, code);
    uint32_t *bucket = &buckets[seen.start / LP_PAGE % BUCKETS];
    struct record *r = find(&seen, info->dlpi_name, bucket);
    if (!r)
        r = add(&seen, info->dlpi_name, bucket);
    if (!r)
        return;
    if (!is_there(&r->loaded))
        begin_stay(&r->loaded, look);
    r->seen = look->number;
}

/* The loader holds its lock from the first object to the last: looks come one after the other. */
static void start(struct look *look, const struct dl_phdr_info *info)
{
    look->started = true;
    look->now = next_stack();
    look->before = last_look;
    last_look = look->now;
    look->unchanged = looks > 0 && adds == info->dlpi_adds && subs == info->dlpi_subs;
    if (subs != info->dlpi_subs)
        lp_unwind_forget();
    adds = info->dlpi_adds;
    subs = info->dlpi_subs;
    look->number = look->unchanged ? looks : ++looks;
}

static int visit(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct look *look = arg;
    (void)size;
    lp_lock(&lock);
    if (!look->started)
        start(look, info);
    if (!look->unchanged)
        note(info, look);
    lp_unlock(&lock);
    return look->unchanged;
}

void lp_loaded_look(void)
{
    struct look look = {0};
    int kept = errno;
    if (lp_loader_doubtful() && !lp_self.own) {
        lp_unwind_forget(); /* something may have gone, and it is not to be known */
        return;
    }
    lp_loader_walk(visit, &look);
    errno = kept;
    if (!look.started || look.unchanged)
        return;
    lp_lock(&lock);
    for (uint32_t i = 0, n = lp_slab_count(&records); i < n; i++) {
        struct record *r = lp_slab_at(&records, i);
        if (r->seen < look.number && is_there(&r->loaded))
            r->loaded.stays[r->loaded.nstays - 1].to = look.now;
    }
    lp_unlock(&lock);
}

uint32_t lp_loaded_count(void)
{
    return lp_slab_count(&records);
}

struct lp_loaded lp_loaded_get(uint32_t i)
{
    lp_lock(&lock);
    struct lp_loaded copy = ((struct record *)lp_slab_at(&records, i))->loaded;
    lp_unlock(&lock);
    if (!copy.name)
        copy.name = ""; /* a fork came in between, and the child has half a record, at no address */
    return copy;
}

void lp_loaded_forked(void)
{
    atomic_store(&lock.state, 0);
}
