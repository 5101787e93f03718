/*
 * Text in XML. It must be clean (symbolize/clean.h): valid UTF-8 without control characters. Pure
 * functions.
 */
#ifndef LP_WRITE_XML_H
#define LP_WRITE_XML_H

#include <stddef.h>
#include <stdio.h>

/* Counts characters, not bytes. */
size_t lp_letters(const char *text);

/* Writes the first letters of the text, escaped for an element's text and for quotes. */
void lp_xml_text(FILE *out, const char *text, size_t letters);

#endif
