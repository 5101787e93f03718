/* The files that the page is made of (ui/), as the build put them into the program
 * (profiler/ui/embed). */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

struct page_file {
    const char *name; /* "index.html"; NULL ends the table */
    const char *type;
    const char *sum; /* of its content, in hexadecimal */
    const unsigned char *start, *end;
};
extern const struct page_file page_files[];

#endif
