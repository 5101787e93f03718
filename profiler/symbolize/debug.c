/*
 * DWARF, by libdw. There are two layers, each filled when it is first needed:
 *
 *   object -> units      which compilation unit covers which addresses, sorted
 *   unit   -> functions  which function covers which addresses, sorted
 *
 * So a new address costs two binary searches and a walk through one function to find inlined calls.
 * libdw builds its tables only for the units that were looked into.
 */
#include "symbolize/debug.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sys/array.h"

struct function {
    uint64_t low, high;
    Dwarf_Off die;
};

struct unit {
    struct unit *next; /* list of all units, for freeing */
    Dwarf_Die die;
    const char *directory;
    struct function *functions;
    size_t nfunctions, capacity;
    bool read;
};

struct unit_range {
    uint64_t low, high;
    struct unit *unit;
};

struct lp_debug {
    Elf *elf, *alt_elf;
    Dwarf *dwarf, *alt;
    struct unit *units;
    struct unit_range *ranges;
    size_t nranges, capacity;
};

static int by_low(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

    return a < b ? -1 : a > b;
}

/* Of n elements, sorted by their first member, returns the last one that begins at or before the
 * address, if it also ends behind it. */
static void *covering(void *array, size_t n, size_t size, uint64_t address)
{
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (*(uint64_t *)((char *)array + middle * size) <= address)
            low = middle + 1;
        else
            n = middle;
    }
    if (low == 0)
        return NULL;
    uint64_t *found = (uint64_t *)((char *)array + (low - 1) * size);
    return address < found[1] ? found : NULL;
}

static struct unit *new_unit(struct lp_debug *d, const Dwarf_Die *die)
{
    struct unit *unit = calloc(1, sizeof(*unit));

    if (unit) {
        unit->die = *die;
        unit->next = d->units;
        d->units = unit;
    }
    return unit;
}

static void read_units(struct lp_debug *d)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Die die;
    uint8_t type;

    while (dwarf_get_units(d->dwarf, cu, &cu, NULL, &type, &die, NULL) == 0) {
        Dwarf_Addr base, low, high;
        struct unit *unit = NULL;
        if (type != DW_UT_compile)
            continue;
        for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0;) {
            /* Functions that the linker dropped remain at address 0. */
            if (low == 0 || low >= high)
                continue;
            if (!unit && !(unit = new_unit(d, &die)))
                return;
            if (!lp_array_reserve(&d->ranges, &d->capacity, d->nranges + 1, sizeof *d->ranges))
                return;
            d->ranges[d->nranges++] = (struct unit_range){low, high, unit};
        }
    }
    if (d->nranges > 0)
        qsort(d->ranges, d->nranges, sizeof(*d->ranges), by_low);
}

/* Functions are at the top of a unit, or in namespaces and classes. The inside of a function is
 * read only if an address is in it. What is nested deeper than any compiler writes is left out: a
 * damaged file could use up the stack. */
static void collect_functions(struct unit *unit, Dwarf_Die *parent, int depth)
{
    enum { DEPTH_MAX = 64 };
    Dwarf_Die die;

    if (depth == DEPTH_MAX || dwarf_child(parent, &die) != 0)
        return;
    do {
        Dwarf_Addr base, low, high;
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0;)
                if (low != 0 && lp_array_reserve(&unit->functions, &unit->capacity,
                                                 unit->nfunctions + 1, sizeof *unit->functions))
                    unit->functions[unit->nfunctions++] =
                        (struct function){low, high, dwarf_dieoffset(&die)};
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
            collect_functions(unit, &die, depth + 1);
            break;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
}

static void read_unit(struct unit *unit)
{
    Dwarf_Attribute attribute;

    unit->read = true;
    unit->directory = dwarf_formstring(dwarf_attr(&unit->die, DW_AT_comp_dir, &attribute));
    collect_functions(unit, &unit->die, 0);
    if (unit->nfunctions > 0)
        qsort(unit->functions, unit->nfunctions, sizeof(*unit->functions), by_low);
}

/* C++ and Rust: the linker's name, because it is complete. C: the name in the source, because the
 * linker's may be an alias. */
static const char *linkage_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));

    if (!name || (strncmp(name, "_Z", 2) != 0 && strncmp(name, "_R", 2) != 0))
        name = dwarf_diename(die);
    return name && *name ? name : "[nameless]";
}

static int number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;

    return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 ? (int)value : 0;
}

/* The functions around this address, outermost first: chain[0] has its own code, the others were
 * inlined into it. */
static int inlined_chain(Dwarf_Die *function, uint64_t pc, Dwarf_Die chain[LP_INLINED_MAX])
{
    Dwarf_Die scope = *function, die;
    int n = 0, tag, more;

    chain[n++] = *function;
    if (dwarf_child(&scope, &die) != 0)
        return n;
    do {
        tag = dwarf_tag(&die);
        more = (tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
                tag == DW_TAG_subprogram) &&
               dwarf_haspc(&die, pc) == 1;
        if (!more) {
            more = dwarf_siblingof(&die, &die);
            continue;
        }
        if (tag == DW_TAG_subprogram) /* a nested function has its own code */
            n = 0;
        if (tag != DW_TAG_lexical_block) {
            if (n == LP_INLINED_MAX)
                break;
            chain[n++] = die;
        }
        scope = die;
        more = dwarf_child(&scope, &die);
    } while (more == 0);
    return n;
}

int lp_debug_look(struct lp_debug *d, uint64_t pc, struct lp_source sources[LP_INLINED_MAX],
                  uint64_t *entry)
{
    struct unit_range *range = covering(d->ranges, d->nranges, sizeof(*d->ranges), pc);
    if (!range)
        return 0;
    struct unit *unit = range->unit;
    if (!unit->read)
        read_unit(unit);

    struct function *function =
        covering(unit->functions, unit->nfunctions, sizeof(*unit->functions), pc);
    Dwarf_Die die, chain[LP_INLINED_MAX];
    if (!function || !dwarf_offdie(d->dwarf, function->die, &die))
        return 0;
    int n = inlined_chain(&die, pc, chain);
    if (dwarf_lowpc(&chain[0], entry) != 0 && dwarf_entrypc(&chain[0], entry) != 0)
        *entry = 0;

    Dwarf_Files *files = NULL;
    dwarf_getsrcfiles(&unit->die, &files, NULL);
    Dwarf_Line *row = dwarf_getsrc_die(&unit->die, pc);
    const char *file = row ? dwarf_linesrc(row, NULL, NULL) : NULL;
    int line = 0;
    if (row)
        dwarf_lineno(row, &line);
    for (int i = 0; i < n; i++) {
        Dwarf_Die *at = &chain[n - 1 - i];
        struct lp_source *source = &sources[i];
        *source = (struct lp_source){.name = linkage_name(at), .directory = unit->directory};
        dwarf_decl_line(at, &source->start_line);
        source->file = file ? file : dwarf_decl_file(at);
        source->line = line > 0 ? line : source->start_line;

        int called = number(at, DW_AT_call_file);
        file = called && files ? dwarf_filesrc(files, (size_t)called, NULL, NULL) : NULL;
        line = number(at, DW_AT_call_line);
    }
    return n;
}

/* libelf reads the copies in place. */
static Dwarf *begin(const struct lp_bytes *file, Elf **elf)
{
    *elf = file->at ? elf_memory(file->at, file->n) : NULL;
    return *elf ? dwarf_begin_elf(*elf, DWARF_C_READ, NULL) : NULL;
}

struct lp_debug *lp_debug_open(const struct lp_bytes *file, const struct lp_bytes *alt)
{
    struct lp_debug *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    elf_version(EV_CURRENT);
    d->dwarf = begin(file, &d->elf);
    d->alt = begin(alt, &d->alt_elf);
    if (!d->dwarf) {
        lp_debug_close(d);
        return NULL;
    }
    if (d->alt)
        dwarf_setalt(d->dwarf, d->alt);
    read_units(d);
    return d;
}

void lp_debug_close(struct lp_debug *d)
{
    if (!d)
        return;
    for (struct unit *unit = d->units, *next; unit; unit = next) {
        next = unit->next;
        free(unit->functions);
        free(unit);
    }
    free(d->ranges);
    dwarf_end(d->dwarf);
    dwarf_end(d->alt);
    elf_end(d->elf);
    elf_end(d->alt_elf);
    free(d);
}
