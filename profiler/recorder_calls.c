/* The addresses of the recorder's functions that the reporter calls (link.h). Their headers are not
 * included, because only the addresses are needed. */
#include "link.h"

#define DECLARE(call) extern const char call[] __attribute__((visibility("hidden")));
LP_RECORDER_CALLS(DECLARE)

#define ADDRESS(call) call,
const void *const lp_recorder_call_table[] = {LP_RECORDER_CALLS(ADDRESS)};
