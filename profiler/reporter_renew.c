/*
 * The reporter's variables at their first values again, in a forked child. The parent's thread may
 * have been at work during the fork, so that its tables are incomplete, and that thread does not
 * exist in the child. Its memory on the heap is lost; the pages are still the parent's until
 * somebody writes to them.
 *
 * The variables are what is behind the part of the writable segment that is read-only after
 * relocation. Those with a value in the file are copied when the reporter is loaded. The others
 * are zero.
 */
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "reporter_libevent.h"
#include "reporter_renew.h"
#include "sys/pages.h"

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static struct {
    char *start, *copy;
    size_t bytes, all; /* with a value in the file, and with those that are zero */
} variables __attribute__((section(".data")));

static void find(void)
{
    const char *base = (const char *)&__ehdr_start;
    const ElfW(Phdr) *header = (const ElfW(Phdr) *)(base + __ehdr_start.e_phoff);
    uintptr_t start = 0, written = 0, end = 0;
    for (int i = 0; i < __ehdr_start.e_phnum; i++) {
        if (header[i].p_type == PT_GNU_RELRO)
            start =
                (header[i].p_vaddr + header[i].p_memsz + LP_PAGE - 1) & ~(uintptr_t)(LP_PAGE - 1);
        if (header[i].p_type == PT_LOAD && (header[i].p_flags & PF_W)) {
            written = header[i].p_vaddr + header[i].p_filesz;
            end = header[i].p_vaddr + header[i].p_memsz;
        }
    }
    if (start && start < written) {
        variables.start = (char *)base + start;
        variables.bytes = written - start;
        variables.all = end - start;
    }
}

void lp_reporter_keep(void)
{
    find();
    if (variables.start)
        variables.copy = lp_own_map(variables.bytes, LP_OWN_REPORTS);
    char *copy = variables.copy, *start = variables.start;
    if (copy && start)
        memcpy(copy, start, variables.bytes);
}

void lp_reporter_renew(void)
{
    char *start = variables.start;
    const char *copy = variables.copy;
    size_t bytes = variables.bytes, all = variables.all;
    if (!copy)
        return;
    memcpy(start, copy, bytes);
    memset(start + bytes, 0, all - bytes);
    lp_reporter_libevent();
}
