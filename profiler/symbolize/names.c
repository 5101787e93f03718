/*
 * Names of functions and files repeat: they are kept once each, in an open-addressing hash table
 * that is never more than half full.
 */
#include "symbolize/names.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/clean.h"

static struct {
    char **slots;
    size_t room, used;
} names;

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return hash ^ hash >> 32;
}

const char *lp_name(const char *text)
{
    if (names.used * 2 >= names.room) {
        size_t room = names.room ? names.room * 2 : 512;
        char **slots = calloc(room, sizeof(*slots));
        if (!slots)
            return "";
        for (size_t i = 0; i < names.room; i++) {
            if (!names.slots[i])
                continue;
            size_t at = hash_text(names.slots[i]) & (room - 1);
            while (slots[at])
                at = (at + 1) & (room - 1);
            slots[at] = names.slots[i];
        }
        free(names.slots);
        names.slots = slots;
        names.room = room;
    }

    char *copy = strdup(text);
    if (!copy)
        return "";
    lp_clean(copy);
    size_t at = hash_text(copy) & (names.room - 1);
    while (names.slots[at]) {
        if (strcmp(names.slots[at], copy) == 0) {
            free(copy);
            return names.slots[at];
        }
        at = (at + 1) & (names.room - 1);
    }
    names.slots[at] = copy;
    names.used++;
    return copy;
}
