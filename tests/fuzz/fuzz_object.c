/*
 * Damaged ELF files with symbols and debug information. The input is the file of a module whose
 * layout and build id are what the file says, so it is not refused. Names are looked up in it at
 * many addresses, as for a profile. The same bytes are also read as an object in memory.
 */
#include "fuzz.h"

#include <unistd.h>
#include <sys/mman.h>

#include "symbolize/lookup.h"
#include "symbolize/objects.h"
#include "symbolize/readers.h"
#include "sys/pages.h"

enum { BIAS = 0x10000000, SEGMENTS_MAX = 1024, PLACES = 24, SYMBOLS = 24 };

static int file = -1;
static struct lp_segment segments[SEGMENTS_MAX];
static struct lp_image image;
static struct lp_module module;

/* Sets the image to what the file says, as if it had been loaded. */
static bool load(const char *bytes, size_t n)
{
    const uintptr_t rest = LP_PAGE - 1;
    struct lp_elf elf;
    if (!lp_elf_open_memory(&elf, bytes, n))
        return false;
    image = (struct lp_image){.segments = segments, .bias = BIAS, .name = module.path};
    lp_elf_build_id(&elf, image.build_id);
    CHECK(strlen(image.build_id) <= 2 * LP_BUILD_ID_MAX);
    for (size_t i = 0; i < elf.nsegments; i++) {
        const Elf64_Phdr *p = &elf.segments[i];
        uintptr_t start = BIAS + p->p_vaddr;
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && p->p_memsz > 0)
            segments[image.nsegments++] =
                (struct lp_segment){.start = start & ~rest,
                                    .limit = (start + p->p_memsz + rest) & ~rest,
                                    .offset = p->p_offset & ~rest};
    }
    for (size_t i = 0; i < elf.nsections; i++)
        CHECK(strlen(lp_elf_section_name(&elf, i)) < elf.names_size || elf.names_size == 0);
    uint32_t crc;
    lp_elf_crc(&elf, &crc);
    lp_elf_close(&elf);
    return true;
}

static void look(struct lp_pool *pool, uintptr_t address)
{
    const struct lp_symbol *symbol = lp_symbol_look_up(pool, &module, address);
    CHECK(symbol && symbol->nframes >= 1 && symbol->nframes <= LP_INLINED_MAX);
    for (uint32_t i = 0; i < symbol->nframes; i++) {
        const struct lp_frame *frame = &symbol->frames[i];
        CHECK(frame->function && frame->shown && frame->linkage && frame->file);
        CHECK(strlen(frame->shown) <= LP_SHOWN_MAX);
        CHECK(*frame->function && *frame->shown && *frame->linkage && strlen(frame->file) < 8192);
    }
}

/* In each executable segment, and at the symbols. */
static void look_everywhere(struct lp_pool *pool)
{
    for (uint32_t i = 0; i < image.nsegments && i < 4; i++) {
        uintptr_t bytes = segments[i].limit - segments[i].start;
        for (uintptr_t k = 0; k < PLACES; k++)
            look(pool, segments[i].start + bytes / PLACES * k + k);
    }
    struct lp_reader *reader = lp_reader_of(&module);
    CHECK(reader);
    const struct lp_object *object = &reader->object;
    uintptr_t at[SYMBOLS];
    size_t n = 0;
    for (; n < SYMBOLS && n < object->nsymbols; n++) {
        const struct lp_elf_symbol *symbol = (const struct lp_elf_symbol *)object->symbols.at + n;
        CHECK(strlen(lp_object_name(object, symbol)) < object->names.n);
        at[n] = symbol->address;
    }
    for (size_t i = 0; i < n; i++) {
        look(pool, BIAS + at[i]);
        look(pool, BIAS + at[i] + 9);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char path[64];
    (void)argc, (void)argv;
    file = memfd_create("object", MFD_CLOEXEC);
    CHECK(file >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    module.path = path;
    lp_debug_root = "/nonexistent";
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + !size); /* so that AddressSanitizer sees its end */
    CHECK(bytes);
    memcpy(bytes, data, size);
    if (load(bytes, size)) {
        CHECK(ftruncate(file, 0) == 0);
        CHECK(pwrite(file, data, size, 0) == (ssize_t)size);
        struct lp_pool pool = {0};
        module.image = &image;
        look_everywhere(&pool);
        lp_pool_release(&pool);
        for (int i = 0; i <= LP_READERS_IDLE; i++)
            lp_readers_release_idle();
        CHECK(!module.symbols);
    }
    free(bytes);
    return 0;
}
