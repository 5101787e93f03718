/*
 * The flame graph's style and script, as they stand in their own files, put into the program by the
 * assembler. Paths are seen from the repository's root, where make runs.
 */
__asm__(".pushsection .rodata\n"
        ".global lp_flamegraph_css, lp_flamegraph_js\n"
        ".hidden lp_flamegraph_css, lp_flamegraph_js\n"
        "lp_flamegraph_css: .incbin \"profiler/export/flamegraph.css\"\n"
        ".byte 0\n"
        "lp_flamegraph_js: .incbin \"profiler/export/flamegraph.js\"\n"
        ".byte 0\n"
        ".popsection\n");
