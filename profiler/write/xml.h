/*
 * Text in XML. It must be clean (human.h): valid UTF-8 without control characters. Pure functions.
 */
#ifndef LP_WRITE_XML_H
#define LP_WRITE_XML_H

#include <stddef.h>
#include <stdio.h>

/* Letters, not bytes. */
size_t lp_letters(const char *text);

/* Writes it with its markup escaped, in an element's text and in quotes; the first letters of it
 * only. */
void lp_xml_text(FILE *out, const char *text, size_t letters);

#endif
