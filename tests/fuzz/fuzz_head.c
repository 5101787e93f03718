/* The head of a request, as serve/head.c reads it before evhttp does: in pieces and at once it is
 * the same, and where a strict reader of HTTP finds a head, it finds the same one. */
#include "strict.h"

#include "serve/head.h"

struct seen {
    size_t used;
    bool complete, good, changes, no_body;
    int64_t body;
};

static struct seen read_in_pieces(const uint8_t *bytes, size_t n, size_t piece)
{
    struct lp_head *head = malloc(sizeof *head);
    struct seen seen = {0};
    CHECK(head);
    lp_head_begin(head);
    while (seen.used < n && !seen.complete) {
        size_t some = n - seen.used < piece ? n - seen.used : piece;
        char *copy = malloc(some); /* so that AddressSanitizer sees its end */
        CHECK(copy);
        memcpy(copy, bytes + seen.used, some);
        size_t used = lp_head_add(head, copy, some, &seen.complete);
        CHECK(used <= some && (used == some || seen.complete));
        free(copy);
        seen.used += used;
    }
    if (seen.complete) {
        seen.good = !head->bad;
        seen.changes = head->changes;
        seen.no_body = head->no_body;
        seen.body = seen.good ? lp_head_body(head) : 0;
        CHECK(seen.body >= -1);
        for (int i = 0; i < LP_HEAD_HEADERS; i++)
            CHECK(!head->values[i] || strlen(head->values[i]) < sizeof head->kept);
    }
    free(head);
    return seen;
}

static void compare(const struct seen *seen, const uint8_t *bytes, size_t n)
{
    struct strict in = {bytes, n};
    struct strict_request request = {0};
    long length;
    bool chunked;
    if (strict_request_line(&in, &request) != STRICT_REQUEST)
        return;
    if (n > 8 && memcmp(bytes, "CONNECT ", 8) == 0) {
        CHECK(seen->complete && !seen->good); /* after its first line */
        return;
    }
    enum strict_result result = strict_headers(&in, &length, &chunked);
    if (result == STRICT_INCOMPLETE)
        CHECK(!seen->complete);
    if (result != STRICT_REQUEST)
        return;
    CHECK(seen->complete && seen->used == n - in.n);
    if (chunked && length >= 0)
        CHECK(!seen->good);
    if (seen->good)
        CHECK(seen->body == (chunked ? -1 : length > 0 ? length : 0));
    if (seen->good && seen->no_body)
        CHECK(seen->body == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = {data, size};
    size_t piece = 1 + fuzz_number(&in, 1);
    struct seen whole = read_in_pieces(in.at, in.n, in.n + 1);
    struct seen pieces = read_in_pieces(in.at, in.n, piece);
    CHECK(whole.used == pieces.used && whole.complete == pieces.complete);
    CHECK(whole.good == pieces.good && whole.body == pieces.body);
    compare(&whole, in.at, in.n);
    return 0;
}
