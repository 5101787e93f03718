#include "write/xml.h"

static int begins_letter(char c)
{
    return (c & 0xc0) != 0x80;
}

size_t lp_letters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += begins_letter(*text);
    return n;
}

void lp_xml_text(FILE *out, const char *text, size_t letters)
{
    for (; *text && (letters > 0 || !begins_letter(*text)); text++) {
        letters -= begins_letter(*text);
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}
