/*
 * Addresses to names, through libdw. Each module has two layers, filled when first asked:
 *
 *   module  -> units      which compilation unit covers which addresses, sorted
 *   unit    -> functions  which function covers which addresses, sorted
 *
 * so that a new address costs two binary searches and a walk through one function for what was
 * inlined there. Only libdw's tables of the units that were really asked for get built. Where there
 * is no debug information, the symbol table names the function; where there is no symbol, the
 * object and the offset do.
 *
 * Opening files is symbolize/objects.c's business, remembering answers symbolize/cache.c's. Nothing
 * here asks the network.
 */
#include "symbolize/lookup.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/demangle.h"
#include "symbolize/clean.h"
#include "symbolize/names.h"
#include "symbolize/objects.h"

enum { INLINED_MAX = 32 }; /* deeper ones lose their outermost frames */

struct function {
    uint64_t low, high;
    Dwarf_Off die;
};

struct unit {
    Dwarf_Die die;
    const char *directory;
    struct function *functions;
    size_t nfunctions, room;
    bool read;
};

struct unit_range {
    uint64_t low, high;
    struct unit *unit;
};

struct symbols {
    struct lp_object object;
    Dwarf *dwarf;
    struct unit_range *ranges;
    size_t nranges, room;
};

static bool grow(void *array, size_t *room, size_t used, size_t size)
{
    if (used < *room)
        return true;

    size_t more = *room ? *room * 2 : 16;
    void *bigger = realloc(*(void **)array, more * size);
    if (!bigger)
        return false;
    *(void **)array = bigger;
    *room = more;
    return true;
}

static int by_low(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

    return a < b ? -1 : a > b;
}

/* The last of n elements of this size, sorted by their first member, that begins at or before the
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

static void read_units(struct symbols *s)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Die die;
    uint8_t type;

    while (dwarf_get_units(s->dwarf, cu, &cu, NULL, &type, &die, NULL) == 0) {
        Dwarf_Addr base, low, high;
        struct unit *unit = NULL;
        if (type != DW_UT_compile)
            continue;
        for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0;) {
            /* Functions that the linker dropped are left behind at address 0. */
            if (low == 0 || low >= high)
                continue;
            if (!unit && !(unit = calloc(1, sizeof(*unit))))
                return;
            unit->die = die;
            if (!grow(&s->ranges, &s->room, s->nranges, sizeof(*s->ranges)))
                return;
            s->ranges[s->nranges++] = (struct unit_range){low, high, unit};
        }
    }
    if (s->nranges > 0)
        qsort(s->ranges, s->nranges, sizeof(*s->ranges), by_low);
}

/* Functions stand at the top of a unit, or in namespaces and classes; what is inside functions is
 * looked at only when an address falls there. */
static void collect_functions(struct unit *unit, Dwarf_Die *parent)
{
    Dwarf_Die die;

    if (dwarf_child(parent, &die) != 0)
        return;
    do {
        Dwarf_Addr base, low, high;
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0;)
                if (low != 0 &&
                    grow(&unit->functions, &unit->room, unit->nfunctions, sizeof(*unit->functions)))
                    unit->functions[unit->nfunctions++] =
                        (struct function){low, high, dwarf_dieoffset(&die)};
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
            collect_functions(unit, &die);
            break;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
}

static void read_unit(struct unit *unit)
{
    Dwarf_Attribute attribute;

    unit->read = true;
    unit->directory = dwarf_formstring(dwarf_attr(&unit->die, DW_AT_comp_dir, &attribute));
    collect_functions(unit, &unit->die);
    if (unit->nfunctions > 0)
        qsort(unit->functions, unit->nfunctions, sizeof(*unit->functions), by_low);
}

static struct symbols *symbols_of(struct lp_module *module)
{
    struct symbols *s = module->symbols;

    if (s)
        return s;
    s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    lp_object_open(&s->object, module);
    if (s->object.debug)
        s->dwarf = dwarf_begin_elf(s->object.debug, DWARF_C_READ, NULL);
    if (s->dwarf)
        read_units(s);
    lp_object_settle(&s->object);
    module->symbols = s;
    return s;
}

/* Absolute, without the "./" steps that builds leave behind. */
static const char *file_name(const struct unit *unit, const char *file)
{
    char path[4096], *to = path;

    if (!file)
        return "";
    if (file[0] != '/' && unit->directory)
        snprintf(path, sizeof(path), "%s/%s", unit->directory, file);
    else
        snprintf(path, sizeof(path), "%s", file);
    for (const char *from = path; *from;) {
        if (from[0] == '/' && from[1] == '.' && from[2] == '/')
            from += 2;
        else
            *to++ = *from++;
    }
    *to = '\0';
    return lp_name(path);
}

/* C++ and Rust: the linker's name, for it is whole. C: the name in the source, for the linker's may
 * be an alias. */
static const char *linkage_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));

    if (!name || (strncmp(name, "_Z", 2) != 0 && strncmp(name, "_R", 2) != 0))
        name = dwarf_diename(die);
    return name ? name : "[nameless]";
}

/* gcc does not write down the linker's name of a C++ function that is static, or a lambda, but the
 * symbol table may have it. NULL: it has not. */
static const char *static_name(const struct symbols *s, const struct lp_symbol *symbol)
{
    uint64_t entry = symbol->entry - symbol->module->bias;
    const struct lp_elf_symbol *found = lp_object_symbol(&s->object, entry);

    if (!symbol->entry || !found || found->address != entry)
        return NULL;
    const char *name = s->object.names + found->name;
    return strncmp(name, "_Z", 2) == 0 && !strchr(name, '@') ? name : NULL;
}

static void set_names(struct lp_frame *frame, const char *linkage)
{
    frame->linkage = lp_name(linkage);
    frame->function = frame->shown = lp_demangle(frame->linkage);
    if (strlen(frame->function) <= LP_SHOWN_MAX)
        return;
    char *text = strdup(frame->function);
    if (!text)
        return;
    lp_abridge(text, LP_SHOWN_MAX);
    frame->shown = lp_name(text);
    free(text);
}

static int number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;

    return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 ? (int)value : 0;
}

/* The functions around this address, outermost first: chain[0] has code of its own, the others were
 * inlined into it. */
static int inlined_chain(Dwarf_Die *function, uint64_t pc, Dwarf_Die chain[INLINED_MAX])
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
        if (tag == DW_TAG_subprogram) /* a nested function: code of its own again */
            n = 0;
        if (tag != DW_TAG_lexical_block) {
            if (n == INLINED_MAX)
                break;
            chain[n++] = die;
        }
        scope = die;
        more = dwarf_child(&scope, &die);
    } while (more == 0);
    return n;
}

static struct lp_symbol *new_symbol(struct lp_module *module, uint32_t nframes)
{
    struct lp_symbol *symbol = calloc(1, sizeof(*symbol) + nframes * sizeof(symbol->frames[0]));

    if (symbol) {
        symbol->module = module;
        symbol->nframes = nframes;
    }
    return symbol;
}

static struct lp_symbol *from_dwarf(struct symbols *s, struct lp_module *module, uint64_t pc)
{
    struct unit_range *range = covering(s->ranges, s->nranges, sizeof(*s->ranges), pc);
    if (!range)
        return NULL;
    struct unit *unit = range->unit;
    if (!unit->read)
        read_unit(unit);

    struct function *function =
        covering(unit->functions, unit->nfunctions, sizeof(*unit->functions), pc);
    Dwarf_Die die, chain[INLINED_MAX];
    if (!function || !dwarf_offdie(s->dwarf, function->die, &die))
        return NULL;
    int n = inlined_chain(&die, pc, chain);

    struct lp_symbol *symbol = new_symbol(module, (uint32_t)n);
    if (!symbol)
        return NULL;
    Dwarf_Addr entry;
    if (dwarf_lowpc(&chain[0], &entry) == 0 || dwarf_entrypc(&chain[0], &entry) == 0)
        symbol->entry = entry + module->bias;

    Dwarf_Files *files = NULL;
    dwarf_getsrcfiles(&unit->die, &files, NULL);
    Dwarf_Line *row = dwarf_getsrc_die(&unit->die, pc);
    const char *file = row ? dwarf_linesrc(row, NULL, NULL) : NULL;
    int line = 0;
    if (row)
        dwarf_lineno(row, &line);
    for (int i = 0; i < n; i++) {
        struct lp_frame *frame = &symbol->frames[i];
        Dwarf_Die *at = &chain[n - 1 - i];
        const char *name = linkage_name(at), *better = NULL;
        if (i == n - 1 && strncmp(name, "_Z", 2) != 0)
            better = static_name(s, symbol);
        set_names(frame, better ? better : name);
        dwarf_decl_line(at, &frame->start_line);
        frame->file = file_name(unit, file ? file : dwarf_decl_file(at));
        frame->line = line > 0 ? line : frame->start_line;

        int called = number(at, DW_AT_call_file);
        file = called && files ? dwarf_filesrc(files, (size_t)called, NULL, NULL) : NULL;
        line = number(at, DW_AT_call_line);
    }
    return symbol;
}

static struct lp_symbol *from_names(struct symbols *s, struct lp_module *module, uint64_t pc)
{
    struct lp_symbol *symbol = new_symbol(module, 1);
    const struct lp_elf_symbol *found = s ? lp_object_symbol(&s->object, pc) : NULL;
    char *text = NULL;

    if (!symbol)
        return NULL;
    symbol->frames[0].file = "";
    if (found) {
        const char *name = s->object.names + found->name;
        text = strndup(name, strcspn(name, "@")); /* a version may follow */
        symbol->entry = found->address + module->bias;
    } else {
        const char *slash = strrchr(module->path, '/');
        if (asprintf(&text, "%s+0x%lx", slash ? slash + 1 : module->path, pc) < 0)
            text = NULL;
    }
    set_names(&symbol->frames[0], text ? text : "[out of memory]");
    free(text);
    return symbol;
}

struct lp_symbol *lp_symbol_look_up(struct lp_module *module, uintptr_t address)
{
    struct lp_symbol *symbol = NULL;

    if (!module) {
        char text[32];
        snprintf(text, sizeof(text), "0x%lx", address);
        if ((symbol = new_symbol(NULL, 1))) {
            symbol->frames[0].file = "";
            set_names(&symbol->frames[0], text);
        }
        return symbol;
    }
    struct symbols *s = symbols_of(module);
    if (s && s->dwarf)
        symbol = from_dwarf(s, module, address - module->bias);
    if (!symbol)
        symbol = from_names(s, module, address - module->bias);
    return symbol;
}
