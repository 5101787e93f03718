/*
 * What is the same in every flame graph: its style and its script, and the policy under which a
 * browser runs exactly these two.
 */
#ifndef LP_WRITE_FLAMEGRAPH_H
#define LP_WRITE_FLAMEGRAPH_H

extern const char lp_flamegraph_css[], lp_flamegraph_js[];

/* A Content-Security-Policy: this script, this style, nothing from anywhere, and in no page but one
 * of the same origin. The picture must have both texts as they are, without a line more. */
extern const char lp_flamegraph_policy[];

#endif
