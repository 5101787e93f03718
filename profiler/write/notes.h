/*
 * What all formats show in addition to the rows of a profile: how it was sampled, what it contains
 * and what it does not. Profiler's thread only.
 */
#ifndef LP_WRITE_NOTES_H
#define LP_WRITE_NOTES_H

#include <stdio.h>

#include "profile/profile.h"
#include "write/cpu.h"
#include "write/jsonout.h"
#include "write/rates.h"

enum { LP_NOTES_MAX = LP_CPU_LINES + 2, LP_NOTE_MAX = LP_RATES_TEXT_MAX };

struct lp_notes {
    int n;
    char at[LP_NOTES_MAX][LP_NOTE_MAX]; /* sentences without a full stop */
};
void lp_notes_of(struct lp_notes *notes, const struct lp_profile *profile);

/* How the estimates were made: "sampled once in 512 KiB", "sampled at mixed rates", or "an
 * estimate" if a note explains it. out is only storage for the text. */
const char *lp_sampling_text(char out[LP_NOTE_MAX], const struct lp_profile *profile,
                             const struct lp_profile_kind *kind);

/* What the kind has in addition to its rows: at the end of debug=1, and as members of a JSON
 * object. */
void lp_notes_tail(FILE *out, const struct lp_profile *profile);
void lp_notes_json(struct lp_json *json, const struct lp_profile *profile);

#endif
