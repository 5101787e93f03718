/* RFC 3492. */
#include "symbolize/punycode.h"

#include <string.h>

bool lp_punycode_decode(const char *bytes, size_t length, uint32_t out[LP_PUNYCODE_MAX],
                        size_t *count)
{
    size_t plain = length, n = 0;
    while (plain > 0 && bytes[plain - 1] != '_')
        plain--;
    size_t at = plain;
    for (size_t i = 0; i + 1 < plain && n < LP_PUNYCODE_MAX; i++)
        out[n++] = (unsigned char)bytes[i];
    if (plain > LP_PUNYCODE_MAX || at == length)
        return false;
    uint64_t code = 128, place = 0, bias = 72, damp = 700;
    while (at < length) {
        uint64_t delta = 0, weight = 1;
        for (uint64_t k = 36;; k += 36) {
            if (at == length)
                return false;
            char c = bytes[at++];
            uint64_t digit = c >= 'a' && c <= 'z'   ? (uint64_t)(c - 'a')
                             : c >= '0' && c <= '9' ? (uint64_t)(c - '0') + 26
                                                    : 36;
            uint64_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
            if (digit == 36 || weight > UINT32_MAX)
                return false;
            delta += digit * weight;
            if (digit < t)
                break;
            weight *= 36 - t;
        }
        place += delta;
        n++;
        code += place / n;
        place %= n;
        if (n > LP_PUNYCODE_MAX || code > 0x10ffff)
            return false;
        memmove(&out[place + 1], &out[place], (n - 1 - place) * sizeof *out);
        out[place++] = (uint32_t)code;
        delta /= damp;
        damp = 2;
        delta += delta / n;
        for (bias = 0; delta > 455; bias += 36)
            delta /= 35;
        bias += 36 * delta / (delta + 38);
    }
    *count = n;
    return true;
}
