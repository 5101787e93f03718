/*
 * Turns addresses into names: from debug information if there is some, else from the symbol table,
 * else from the object and the offset. Names are copied into the caller's pool.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/clean.h"
#include "symbolize/demangle.h"
#include "symbolize/lookup.h"
#include "symbolize/readers.h"

/* An absolute path, without the "./" steps that builds add. */
static const char *file_name(struct lp_pool *pool, const struct lp_source *source)
{
    char path[4096], *to = path;

    if (!source->file)
        return "";
    if (source->file[0] != '/' && source->directory)
        snprintf(path, sizeof(path), "%s/%s", source->directory, source->file);
    else
        snprintf(path, sizeof(path), "%s", source->file);
    for (const char *from = path; *from;) {
        if (from[0] == '/' && from[1] == '.' && from[2] == '/')
            from += 2;
        else
            *to++ = *from++;
    }
    *to = '\0';
    return lp_pool_text(pool, path);
}

/* gcc omits the linker's name of a static C++ function or a lambda. The symbol table may have it.
 * NULL: it does not. */
static const char *static_name(const struct lp_object *object, uint64_t entry)
{
    const struct lp_elf_symbol *found = entry ? lp_object_symbol(object, entry) : NULL;

    if (!found || found->address != entry)
        return NULL;
    const char *name = lp_object_name(object, found);
    return strncmp(name, "_Z", 2) == 0 && !strchr(name, '@') ? name : NULL;
}

static void set_names(struct lp_pool *pool, struct lp_frame *frame, const char *linkage)
{
    char *readable = lp_demangle(linkage);

    frame->linkage = lp_pool_text(pool, linkage);
    frame->function = frame->shown = readable ? lp_pool_text(pool, readable) : frame->linkage;
    free(readable);
    if (strlen(frame->function) <= LP_SHOWN_MAX)
        return;
    char *text = strdup(frame->function);
    if (!text)
        return;
    lp_abridge(text, LP_SHOWN_MAX);
    frame->shown = lp_pool_text(pool, text);
    free(text);
}

static struct lp_symbol *new_symbol(struct lp_pool *pool, struct lp_module *module,
                                    uint32_t nframes)
{
    struct lp_symbol *symbol =
        lp_pool_take(pool, sizeof(*symbol) + nframes * sizeof(symbol->frames[0]));

    if (!symbol)
        return NULL;
    symbol->module = module;
    symbol->nframes = nframes;
    for (uint32_t i = 0; i < nframes; i++)
        symbol->frames[i].file = "";
    return symbol;
}

static struct lp_symbol *from_debug(struct lp_pool *pool, struct lp_reader *reader,
                                    struct lp_module *module, uint64_t pc)
{
    struct lp_source sources[LP_INLINED_MAX];
    uint64_t entry;
    int n = lp_reader_look(reader, pc, sources, &entry);
    struct lp_symbol *symbol = n > 0 ? new_symbol(pool, module, (uint32_t)n) : NULL;

    if (!symbol)
        return NULL;
    symbol->entry = entry ? entry + module->image->bias : 0;
    for (int i = 0; i < n; i++) {
        struct lp_frame *frame = &symbol->frames[i];
        const char *name = sources[i].name, *better = NULL;
        if (i == n - 1 && strncmp(name, "_Z", 2) != 0)
            better = static_name(&reader->object, entry);
        set_names(pool, frame, better ? better : name);
        frame->file = file_name(pool, &sources[i]);
        frame->line = sources[i].line;
        frame->start_line = sources[i].start_line;
    }
    return symbol;
}

static struct lp_symbol *from_symbol_table(struct lp_pool *pool, const struct lp_reader *reader,
                                           struct lp_module *module, uint64_t pc)
{
    const struct lp_elf_symbol *found = lp_object_symbol(&reader->object, pc);
    struct lp_symbol *symbol = found ? new_symbol(pool, module, 1) : NULL;

    if (!symbol)
        return NULL;
    const char *name = lp_object_name(&reader->object, found);
    char *text = strndup(name, strcspn(name, "@")); /* a version may follow */
    symbol->entry = found->address + module->image->bias;
    set_names(pool, &symbol->frames[0], text ? text : name);
    free(text);
    return symbol;
}

static struct lp_symbol *from_offset(struct lp_pool *pool, struct lp_module *module, uint64_t pc)
{
    struct lp_symbol *symbol = new_symbol(pool, module, 1);
    const char *slash = module ? strrchr(module->path, '/') : NULL;
    char text[300];

    if (!symbol)
        return NULL;
    if (module)
        snprintf(text, sizeof(text), "%.250s+0x%lx", slash ? slash + 1 : module->path, pc);
    else
        snprintf(text, sizeof(text), "0x%lx", pc);
    symbol->frames[0].linkage = symbol->frames[0].function = symbol->frames[0].shown =
        lp_pool_text(pool, text);
    return symbol;
}

struct lp_symbol *lp_symbol_look_up(struct lp_pool *pool, struct lp_module *module,
                                    uintptr_t address)
{
    uint64_t pc = module ? address - module->image->bias : address;
    struct lp_reader *reader = module ? lp_reader_of(module) : NULL;
    struct lp_symbol *symbol = reader ? from_debug(pool, reader, module, pc) : NULL;

    if (!symbol && reader)
        symbol = from_symbol_table(pool, reader, module, pc);
    if (symbol)
        return symbol;
    symbol = from_offset(pool, module, pc);
    if (symbol && module)
        symbol->nameless = module->nameless = true;
    return symbol;
}
