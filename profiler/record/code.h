/*
 * Where code is: the executable segments of loaded objects, and memory that the program itself made
 * executable (a JIT's). A return address must be in one of these.
 *
 * Objects are found by lp_find_object(), which takes no lock and may be called in signal
 * handlers. (Before glibc 2.35 it does not exist: a copy of the loader's list would be needed.)
 * Other executable memory is known from the last lp_code_refresh(), which the profiler's thread
 * calls. Code that was generated since then is not recognized.
 */
#ifndef LP_RECORD_CODE_H
#define LP_RECORD_CODE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* Can this address be executed and read? (Callers read its bytes next, so code that cannot be read
 * does not count.) Takes no lock, allocates nothing; any context. */
bool lp_code_at(uintptr_t address);

/* Does a call instruction end just before this address? Then it may be a return address. The bytes
 * before it must be code. */
bool lp_code_after_call(uintptr_t address);

/* Is this where a signal handler returns to (the sigreturn trampoline)? The address must be in
 * code. */
bool lp_code_is_sigreturn(uintptr_t address);

/* Fills in what dl_iterate_phdr() would pass for the object at this address. The counters of loaded
 * objects are 0. false: there is no object. Takes no lock, allocates nothing; any context. */
bool lp_code_object(uintptr_t address, struct dl_phdr_info *info);

/* The same for the program itself. false before lp_code_prepare(). */
bool lp_code_program(struct dl_phdr_info *info);

/* Has lp_code_at() met an unknown address since the last refresh? */
bool lp_code_stale(void);

/* Reads /proc/thread-self/maps. Profiler's thread only. */
void lp_code_refresh(void);

/* Forgets where objects are, after some may have been unloaded. Any context. */
void lp_code_forget(void);

/* Notes where the vdso and the program's headers are. `auxiliary` is the vector that the kernel
 * passed behind the environment. Call before there are threads. */
void lp_code_prepare(char **environment);

#endif
