/*
 * What all flame graphs share: the style and the script, and the policy that makes a browser run
 * exactly these two.
 */
#ifndef LP_WRITE_FLAMEGRAPH_H
#define LP_WRITE_FLAMEGRAPH_H

extern const char lp_flamegraph_css[], lp_flamegraph_js[];

/* A Content-Security-Policy: it allows this script, this style, nothing from other sources, and
 * frames only in pages of the same origin. The picture must contain both texts unchanged, without
 * an added newline. */
extern const char lp_flamegraph_policy[];

#endif
