/*
 * Resident memory without pagemap, which the kernel opens only for a process that may be traced by
 * its user. smaps has the sum of each of the kernel's mappings, but not where it is. So it is
 * spread evenly.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/vmas.h"
#include "sys/file.h"
#include "sys/pages.h"

enum { PIECES_MAX = 64 };

struct smaps {
    uintptr_t start, end; /* of the mapping whose lines are being read */
    void (*visit)(uintptr_t start, uintptr_t end, void *arg);
    void *arg;
};

static void spread(const struct smaps *smaps, uint64_t resident)
{
    if (smaps->end <= smaps->start)
        return;
    uint64_t pages = (smaps->end - smaps->start) / LP_PAGE, left = resident / LP_PAGE;
    uint64_t pieces = pages < PIECES_MAX ? pages : PIECES_MAX;
    if (left >= pages) {
        smaps->visit(smaps->start, smaps->end, smaps->arg);
        return;
    }
    for (uint64_t i = 0; i < pieces && left > 0; i++) {
        uintptr_t from = smaps->start + pages * i / pieces * LP_PAGE;
        uint64_t share = left / (pieces - i);
        if (share > 0)
            smaps->visit(from, from + share * LP_PAGE, smaps->arg);
        left -= share;
    }
}

/* "7f01c000-7f01d000 rw-p 00000000 08:02 1234 /a/file", then "Rss:    4 kB" among others. */
static int read_line(const char *line, size_t length, void *arg)
{
    static const char rss[] = "Rss:";
    struct smaps *smaps = arg;
    char *end;
    (void)length;
    if (strncmp(line, rss, sizeof rss - 1) == 0) {
        spread(smaps, strtoull(line + sizeof rss - 1, NULL, 10) << 10);
        return 0;
    }
    uintptr_t start = strtoul(line, &end, 16);
    if (end > line && *end == '-') {
        smaps->start = start;
        smaps->end = strtoul(end + 1, NULL, 16);
    }
    return 0;
}

int lp_resident_spread(void (*visit)(uintptr_t start, uintptr_t end, void *arg), void *arg)
{
    char buffer[16384];
    struct smaps smaps = {.visit = visit, .arg = arg};
    return lp_file_lines(LP_PROC_SELF "smaps", '\n', buffer, sizeof buffer, read_line, &smaps);
}
