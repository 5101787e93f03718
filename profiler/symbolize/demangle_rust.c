/*
 * A recursive descent through the grammar of RFC 2603. Each rule has a function, which prints while
 * it reads. A name may come from a damaged or hostile file, and back references make a short name
 * expand to a long one. So depth, steps and output are limited.
 */
#include "symbolize/demangle_rust.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/punycode.h"

enum { DEPTH_MAX = 200, STEPS_MAX = 1 << 17 };

struct parser {
    const char *text; /* behind "_R"; back references count from here */
    size_t at, length;
    int depth, steps;
    bool failed, silent; /* silent: read without printing */
    uint64_t lifetimes;  /* how many the enclosing binders have introduced */
    char *out;
    size_t written, limit;
};

static void print_type(struct parser *p);
static void print_path(struct parser *p, bool in_value);
static void print_const(struct parser *p, bool in_value);

static void fail(struct parser *p)
{
    p->failed = true;
}

static void print_bytes(struct parser *p, const char *bytes, size_t n)
{
    if (p->silent || p->failed)
        return;
    if (n > p->limit - p->written) {
        fail(p);
        return;
    }
    memcpy(p->out + p->written, bytes, n);
    p->written += n;
}

__attribute__((format(printf, 2, 3))) static void print(struct parser *p, const char *format, ...)
{
    char text[64];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    print_bytes(p, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

static char peek(const struct parser *p)
{
    return p->failed || p->at >= p->length ? '\0' : p->text[p->at];
}

static bool eat(struct parser *p, char c)
{
    if (peek(p) != c)
        return false;
    p->at++;
    return true;
}

static char next(struct parser *p)
{
    char c = peek(p);
    if (!c)
        fail(p);
    else
        p->at++;
    return c;
}

/* false: too deep, or too many steps. Each true needs a leave(). */
static bool enter(struct parser *p)
{
    if (++p->depth > DEPTH_MAX || ++p->steps > STEPS_MAX)
        fail(p);
    return !p->failed;
}

static void leave(struct parser *p)
{
    p->depth--;
}

/* "_" is 0, "0_" is 1. */
static uint64_t base62(struct parser *p)
{
    uint64_t value = 0;
    if (eat(p, '_'))
        return 0;
    while (!p->failed && !eat(p, '_')) {
        char c = next(p);
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'Z' ? (unsigned)(c - 'A') + 36
                                                : 62;
        if (digit == 62 || value > (UINT64_MAX - 62) / 62)
            fail(p);
        value = value * 62 + digit;
    }
    return value + 1;
}

/* 0 if the tag is missing. */
static uint64_t tagged_base62(struct parser *p, char tag)
{
    return eat(p, tag) ? base62(p) + 1 : 0;
}

struct identifier {
    const char *bytes;
    size_t n;
    bool punycode;
    uint64_t disambiguator;
};

static struct identifier identifier_alone(struct parser *p)
{
    struct identifier id = {.punycode = eat(p, 'u')};
    size_t n = 0;
    if (!isdigit((unsigned char)peek(p)))
        fail(p);
    if (!eat(p, '0'))
        while (isdigit((unsigned char)peek(p)) && n <= p->length)
            n = n * 10 + (size_t)(next(p) - '0');
    eat(p, '_');
    if (p->failed || n > p->length - p->at) {
        fail(p);
        return (struct identifier){.bytes = ""};
    }
    id.bytes = p->text + p->at;
    id.n = n;
    p->at += n;
    return id;
}

static struct identifier identifier(struct parser *p)
{
    uint64_t disambiguator = tagged_base62(p, 's');
    struct identifier id = identifier_alone(p);
    id.disambiguator = disambiguator;
    return id;
}

static void print_utf8(struct parser *p, uint32_t c)
{
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        fail(p);
        return;
    }
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(heads[n] | c);
    print_bytes(p, bytes, n);
}

static void print_identifier(struct parser *p, const struct identifier *id)
{
    uint32_t decoded[LP_PUNYCODE_MAX];
    size_t n;
    if (!id->punycode) {
        print_bytes(p, id->bytes, id->n);
    } else if (lp_punycode_decode(id->bytes, id->n, decoded, &n)) {
        for (size_t i = 0; i < n; i++)
            print_utf8(p, decoded[i]);
    } else {
        print(p, "punycode{");
        print_bytes(p, id->bytes, id->n);
        print(p, "}");
    }
}

/* Continues at an earlier place. That text was read before, so if nothing is printed, it is
 * skipped. */
static void backref(struct parser *p, void (*rule)(struct parser *p, bool flag), bool flag)
{
    size_t begins = p->at - 1;
    uint64_t to = base62(p);
    if (to >= begins) {
        fail(p);
        return;
    }
    if (p->silent || p->failed)
        return;
    size_t after = p->at;
    p->at = to;
    rule(p, flag);
    p->at = after;
}

static void type_rule(struct parser *p, bool flag)
{
    (void)flag;
    print_type(p);
}

/* The index counts from the innermost binder. 0 is an erased lifetime. */
static void print_lifetime(struct parser *p, uint64_t index)
{
    uint64_t depth = p->lifetimes - index;
    if (index > p->lifetimes)
        fail(p);
    else if (index == 0)
        print(p, "'_");
    else if (depth < 26)
        print(p, "'%c", (char)('a' + depth));
    else
        print(p, "'_%llu", (unsigned long long)depth);
}

/* Returns how many lifetimes the binder introduces. The caller subtracts them afterwards. */
static uint64_t binder(struct parser *p)
{
    uint64_t n = tagged_base62(p, 'G');
    if (n > STEPS_MAX)
        fail(p);
    for (uint64_t i = 0; i < n && !p->failed; i++) {
        p->lifetimes++;
        print(p, i ? ", " : "for<");
        print_lifetime(p, 1);
    }
    if (n > 0)
        print(p, "> ");
    return p->failed ? 0 : n;
}

static void print_generic_arg(struct parser *p)
{
    if (eat(p, 'L'))
        print_lifetime(p, base62(p));
    else if (eat(p, 'K'))
        print_const(p, false);
    else
        print_type(p);
}

/* Prints items up to the "E". Returns their number. */
static unsigned print_list(struct parser *p, void (*item)(struct parser *p))
{
    unsigned n = 0;
    while (!p->failed && !eat(p, 'E')) {
        if (n++)
            print(p, ", ");
        item(p);
    }
    return n;
}

static void print_nested(struct parser *p, bool in_value)
{
    char space = next(p);
    print_path(p, in_value);
    struct identifier id = identifier(p);
    if (space >= 'A' && space <= 'Z') {
        print(p, "::{");
        if (space == 'C')
            print(p, "closure");
        else if (space == 'S')
            print(p, "shim");
        else
            print(p, "%c", space);
        if (id.n > 0) {
            print(p, ":");
            print_identifier(p, &id);
        }
        print(p, "#%llu}", (unsigned long long)id.disambiguator);
    } else if (space >= 'a' && space <= 'z') {
        if (id.n > 0) {
            print(p, "::");
            print_identifier(p, &id);
        }
    } else {
        fail(p);
    }
}

/* The path of an impl is not shown. */
static void skip_impl_path(struct parser *p)
{
    bool silent = p->silent;
    p->silent = true;
    tagged_base62(p, 's');
    print_path(p, false);
    p->silent = silent;
}

static void print_path(struct parser *p, bool in_value)
{
    if (!enter(p))
        return;
    char tag = next(p);
    struct identifier id;
    switch (tag) {
    case 'C':
        id = identifier(p);
        print_identifier(p, &id);
        break;
    case 'N':
        print_nested(p, in_value);
        break;
    case 'M':
    case 'X':
    case 'Y':
        if (tag != 'Y')
            skip_impl_path(p);
        print(p, "<");
        print_type(p);
        if (tag != 'M') {
            print(p, " as ");
            print_path(p, false);
        }
        print(p, ">");
        break;
    case 'I':
        print_path(p, in_value);
        print(p, in_value ? "::<" : "<");
        print_list(p, print_generic_arg);
        print(p, ">");
        break;
    case 'B':
        backref(p, print_path, in_value);
        break;
    default:
        fail(p);
    }
    leave(p);
}

/* Leaves the list of generics open, so that associated types can be added. */
static bool print_path_open(struct parser *p)
{
    bool open = false;
    if (!enter(p))
        return false;
    if (eat(p, 'I')) {
        print_path(p, false);
        print(p, "<");
        print_list(p, print_generic_arg);
        open = true;
    } else if (eat(p, 'B')) {
        size_t begins = p->at - 1;
        uint64_t to = base62(p);
        size_t after = p->at;
        if (to >= begins)
            fail(p);
        if (!p->failed && !p->silent) {
            p->at = to;
            open = print_path_open(p);
            p->at = after;
        }
    } else {
        print_path(p, false);
    }
    leave(p);
    return open;
}

static void print_dyn_trait(struct parser *p)
{
    bool open = print_path_open(p);
    while (eat(p, 'p')) {
        print(p, open ? ", " : "<");
        open = true;
        struct identifier id = identifier_alone(p);
        print_identifier(p, &id);
        print(p, " = ");
        print_type(p);
    }
    if (open)
        print(p, ">");
}

static void print_dyn(struct parser *p)
{
    print(p, "dyn ");
    uint64_t bound = binder(p);
    for (unsigned n = 0; !p->failed && !eat(p, 'E'); n++) {
        if (n)
            print(p, " + ");
        print_dyn_trait(p);
    }
    p->lifetimes -= bound;
    if (!eat(p, 'L'))
        fail(p);
    uint64_t lifetime = base62(p);
    if (lifetime > 0) {
        print(p, " + ");
        print_lifetime(p, lifetime);
    }
}

static void print_function(struct parser *p)
{
    uint64_t bound = binder(p);
    if (eat(p, 'U'))
        print(p, "unsafe ");
    if (eat(p, 'K')) {
        struct identifier abi = {.bytes = "C", .n = 1};
        if (!eat(p, 'C'))
            abi = identifier_alone(p);
        print(p, "extern \"");
        for (size_t i = 0; i < abi.n; i++)
            print(p, "%c", abi.bytes[i] == '_' ? '-' : abi.bytes[i]);
        print(p, "\" ");
    }
    print(p, "fn(");
    print_list(p, print_type);
    print(p, ")");
    if (!eat(p, 'u')) {
        print(p, " -> ");
        print_type(p);
    }
    p->lifetimes -= bound;
}

static const char *basic_type(char tag)
{
    static const char *const names[26] = {
        ['a' - 'a'] = "i8",    ['b' - 'a'] = "bool", ['c' - 'a'] = "char", ['d' - 'a'] = "f64",
        ['e' - 'a'] = "str",   ['f' - 'a'] = "f32",  ['h' - 'a'] = "u8",   ['i' - 'a'] = "isize",
        ['j' - 'a'] = "usize", ['l' - 'a'] = "i32",  ['m' - 'a'] = "u32",  ['n' - 'a'] = "i128",
        ['o' - 'a'] = "u128",  ['p' - 'a'] = "_",    ['s' - 'a'] = "i16",  ['t' - 'a'] = "u16",
        ['u' - 'a'] = "()",    ['v' - 'a'] = "...",  ['x' - 'a'] = "i64",  ['y' - 'a'] = "u64",
        ['z' - 'a'] = "!"};
    return tag >= 'a' && tag <= 'z' ? names[tag - 'a'] : NULL;
}

static void print_reference(struct parser *p, bool mutable)
{
    print(p, "&");
    if (eat(p, 'L')) {
        uint64_t lifetime = base62(p);
        if (lifetime > 0) {
            print_lifetime(p, lifetime);
            print(p, " ");
        }
    }
    if (mutable)
        print(p, "mut ");
    print_type(p);
}

static void print_type(struct parser *p)
{
    const char *basic = basic_type(peek(p));
    if (basic) {
        next(p);
        print(p, "%s", basic);
        return;
    }
    if (!enter(p))
        return;
    char tag = next(p);
    switch (tag) {
    case 'R':
    case 'Q':
        print_reference(p, tag == 'Q');
        break;
    case 'P':
    case 'O':
        print(p, tag == 'P' ? "*const " : "*mut ");
        print_type(p);
        break;
    case 'A':
    case 'S':
        print(p, "[");
        print_type(p);
        if (tag == 'A') {
            print(p, "; ");
            print_const(p, true);
        }
        print(p, "]");
        break;
    case 'T':
        print(p, "(");
        if (print_list(p, print_type) == 1)
            print(p, ",");
        print(p, ")");
        break;
    case 'F':
        print_function(p);
        break;
    case 'D':
        print_dyn(p);
        break;
    case 'B':
        backref(p, type_rule, false);
        break;
    default:
        p->at--;
        print_path(p, false);
    }
    leave(p);
}

/* The hexadecimal digits up to "_". */
static const char *nibbles(struct parser *p, size_t *n)
{
    const char *digits = p->text + p->at;
    *n = 0;
    while (!p->failed && !eat(p, '_')) {
        char c = next(p);
        if (!isdigit((unsigned char)c) && !(c >= 'a' && c <= 'f'))
            fail(p);
        ++*n;
    }
    return digits;
}

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static uint64_t value_of(struct parser *p)
{
    size_t n;
    const char *digits = nibbles(p, &n);
    uint64_t value = 0;
    if (n > 16)
        fail(p);
    for (size_t i = 0; !p->failed && i < n; i++)
        value = value << 4 | nibble(digits[i]);
    return value;
}

static void print_integer(struct parser *p, bool is_signed)
{
    if (is_signed && eat(p, 'n'))
        print(p, "-");
    size_t n;
    const char *digits = nibbles(p, &n);
    uint64_t value = 0;
    for (size_t i = 0; !p->failed && n <= 16 && i < n; i++)
        value = value << 4 | nibble(digits[i]);
    if (n <= 16) {
        print(p, "%llu", (unsigned long long)value);
    } else {
        print(p, "0x");
        print_bytes(p, digits, n);
    }
}

/* Like Rust's `escape_debug`, except for characters that Unicode calls unprintable. */
static void print_escaped(struct parser *p, uint32_t c, char quote)
{
    if (c == '\t' || c == '\n' || c == '\r')
        print(p, "\\%c", c == '\t' ? 't' : c == '\n' ? 'n' : 'r');
    else if (c == '\\' || c == (uint32_t)quote)
        print(p, "\\%c", (char)c);
    else if (c == 0)
        print(p, "\\0");
    else if (c < 0x20 || c == 0x7f)
        print(p, "\\u{%x}", c);
    else
        print_utf8(p, c);
}

/* The UTF-8 bytes of a string, two digits each. */
static void print_string(struct parser *p)
{
    size_t n;
    const char *digits = nibbles(p, &n);
    if (n % 2)
        fail(p);
    print(p, "\"");
    for (size_t i = 0; !p->failed && i < n; i += 2) {
        char byte = (char)(nibble(digits[i]) << 4 | nibble(digits[i + 1]));
        if ((unsigned char)byte < 0x80)
            print_escaped(p, (unsigned char)byte, '"');
        else
            print_bytes(p, &byte, 1);
    }
    print(p, "\"");
}

static void print_const_item(struct parser *p)
{
    print_const(p, true);
}

static void print_const_field(struct parser *p)
{
    struct identifier id = identifier(p);
    print_identifier(p, &id);
    print(p, ": ");
    print_const(p, true);
}

/* A structure or a variant with its fields. */
static void print_const_adt(struct parser *p)
{
    print_path(p, true);
    switch (next(p)) {
    case 'U':
        break;
    case 'T':
        print(p, "(");
        print_list(p, print_const_item);
        print(p, ")");
        break;
    case 'S':
        print(p, " { ");
        print_list(p, print_const_field);
        print(p, " }");
        break;
    default:
        fail(p);
    }
}

/* Among types, an expression that is not a literal is put in braces. */
static void print_braced_const(struct parser *p, char tag, bool in_value)
{
    if (!in_value)
        print(p, "{");
    switch (tag) {
    case 'R':
    case 'Q':
        print(p, tag == 'R' ? "&" : "&mut ");
        print_const(p, true);
        break;
    case 'A':
        print(p, "[");
        print_list(p, print_const_item);
        print(p, "]");
        break;
    case 'T':
        print(p, "(");
        if (print_list(p, print_const_item) == 1)
            print(p, ",");
        print(p, ")");
        break;
    case 'V':
        print_const_adt(p);
        break;
    case 'e':
        print(p, "*");
        print_string(p);
        break;
    default:
        fail(p);
    }
    if (!in_value)
        print(p, "}");
}

static void print_const(struct parser *p, bool in_value)
{
    if (!enter(p))
        return;
    char tag = next(p);
    uint64_t value;
    switch (tag) {
    case 'p':
        print(p, "_");
        break;
    case 'h':
    case 't':
    case 'm':
    case 'y':
    case 'o':
    case 'j':
        print_integer(p, false);
        break;
    case 'a':
    case 's':
    case 'l':
    case 'x':
    case 'n':
    case 'i':
        print_integer(p, true);
        break;
    case 'b':
        value = value_of(p);
        if (value > 1)
            fail(p);
        print(p, value ? "true" : "false");
        break;
    case 'c':
        value = value_of(p);
        print(p, "'");
        print_escaped(p, (uint32_t)value, '\'');
        print(p, "'");
        break;
    case 'B':
        backref(p, print_const, in_value);
        break;
    case 'R':
        if (eat(p, 'e')) { /* a string literal is a reference already */
            print_string(p);
            break;
        }
        print_braced_const(p, tag, in_value);
        break;
    default:
        print_braced_const(p, tag, in_value);
    }
    leave(p);
}

/* What follows the path: the crate that instantiated it, which is not shown, and suffixes from the
 * compiler or the linker. */
static void print_rest(struct parser *p)
{
    char c = peek(p);
    if (c >= 'A' && c <= 'Z') {
        p->silent = true;
        print_path(p, false);
        p->silent = false;
    }
    if (p->at == p->length || p->failed)
        return;
    const char *suffix = p->text + p->at;
    if (*suffix != '.' && *suffix != '$')
        fail(p);
    else if (strncmp(suffix, ".llvm.", 6) != 0)
        print_bytes(p, suffix, p->length - p->at);
}

char *lp_demangle_rust(const char *name, size_t limit)
{
    struct parser p = {.limit = limit};
    if (strncmp(name, "_R", 2) != 0 || !(name[2] >= 'A' && name[2] <= 'Z'))
        return NULL; /* a digit would mean a later version */
    p.text = name + 2;
    p.length = strlen(p.text);
    p.out = malloc(limit + 1);
    if (!p.out)
        return NULL;
    print_path(&p, true);
    print_rest(&p);
    p.out[p.failed ? 0 : p.written] = '\0';
    char *readable = p.failed ? NULL : strdup(p.out);
    free(p.out);
    return readable;
}
