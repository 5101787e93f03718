/* What every unit test includes: cmocka and what it needs to be included first. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The heap's hooks are left out where a sanitizer owns malloc. */
#if defined LP_SANITIZE_address || defined LP_SANITIZE_thread
#define HEAP_IS_HOOKED 0
#else
#define HEAP_IS_HOOKED 1
#endif

/* ThreadSanitizer holds signals back until a thread blocks, so threads answer late or not at all.
 */
#ifdef LP_SANITIZE_thread
#define SIGNALS_ARRIVE 0
#else
#define SIGNALS_ARRIVE 1
#endif

#define NEEDS_SIGNALS()                                                                            \
    do {                                                                                           \
        if (!SIGNALS_ARRIVE)                                                                       \
            skip();                                                                                \
    } while (0)

/* ThreadSanitizer maps memory before it can watch who does. */
#ifdef LP_SANITIZE_thread
#define NEEDS_HOOKED_MAPS() skip()
#else
#define NEEDS_HOOKED_MAPS()
#endif

#define NEEDS_HOOKED_HEAP()                                                                        \
    do {                                                                                           \
        if (!HEAP_IS_HOOKED)                                                                       \
            skip();                                                                                \
    } while (0)

#endif
