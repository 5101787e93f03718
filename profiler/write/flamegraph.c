/*
 * The flame graph's style and script. The assembler includes their files in the program. Paths are
 * relative to the repository's root, where make runs. The Makefile also computes their hashes.
 */
#include "write/flamegraph.h"

#include "flamegraph_hashes.h"

__asm__(".pushsection .rodata\n"
        ".global lp_flamegraph_css, lp_flamegraph_js\n"
        ".hidden lp_flamegraph_css, lp_flamegraph_js\n"
        "lp_flamegraph_css: .incbin \"profiler/write/flamegraph.css\"\n"
        ".byte 0\n"
        "lp_flamegraph_js: .incbin \"profiler/write/flamegraph.js\"\n"
        ".byte 0\n"
        ".popsection\n");

const char lp_flamegraph_policy[] =
    "default-src 'none'; script-src 'sha256-" LP_FLAMEGRAPH_JS_SHA256
    "'; style-src 'sha256-" LP_FLAMEGRAPH_CSS_SHA256 "'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'";
