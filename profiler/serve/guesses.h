/*
 * Wrong tokens: how many there were, and whether there are many now. Up to LP_GUESSES_ALLOWED are
 * answered at once, and one more for each second that passes. The answers to further ones are sent
 * a second later (serve/evhttp.c). That the token cannot be guessed depends on its length, and not
 * on this. Any thread.
 */
#ifndef LP_SERVE_GUESSES_H
#define LP_SERVE_GUESSES_H

#include <stdbool.h>

enum { LP_GUESSES_ALLOWED = 10 };

void lp_guesses_add(void);
bool lp_guesses_are_many(void);

#endif
