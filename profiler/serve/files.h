/*
 * The dashboard's files, as the build packed them into the program (ui/embed): the page at / and
 * what it loads below /ui/. Nothing of it is made while the program runs, and a page asks nobody
 * else for anything: the Content-Security-Policy that goes with each file says so.
 */
#ifndef LP_SERVE_FILES_H
#define LP_SERVE_FILES_H

struct lp_file {
    const char *name; /* "index.html"; NULL ends the table */
    const char *type;
    const char *sum; /* of its content, in hexadecimal */
    const unsigned char *gzip, *end;
};
extern const struct lp_file lp_files[] __attribute__((visibility("hidden")));

#endif
