/*
 * Labs as HTML, from text that the catalogue does not have: markup that must not get through, and
 * what is not finished. The renderer is included as it is; the playground's front is played here.
 */
#include "unit.h"

#include <stdlib.h>

#include "lab.c"
#include "labmemory.c"

const char *front_address(void)
{
    return "127.0.0.1:4711";
}

bool guard_has_token(void)
{
    return false;
}

/* What becomes of a text; the caller frees it. */
static char *rendered(const char *title, const char *text)
{
    const struct scene scene = {
        .id = "it", .title = title, .lab = {.text = text, .end = text + strlen(text)}};
    struct evbuffer *out = evbuffer_new();
    char *html;

    assert_non_null(out);
    assert_int_equal(lab_html(&scene, out), 0);
    evbuffer_add(out, "", 1);
    html = strdup((const char *)evbuffer_pullup(out, -1));
    assert_non_null(html);
    evbuffer_free(out);
    return html;
}

static void assert_has(const char *html, const char *part)
{
    if (!strstr(html, part))
        print_error("no \"%s\" in:\n%s", part, html);
    assert_non_null(strstr(html, part));
}

static void assert_lacks(const char *html, const char *part)
{
    if (strstr(html, part))
        print_error("\"%s\" in:\n%s", part, html);
    assert_null(strstr(html, part));
}

static size_t times(const char *html, const char *part)
{
    size_t n = 0;

    for (; (html = strstr(html, part)); html += strlen(part))
        n++;
    return n;
}

static void test_markup(void **state)
{
    char *html = rendered(
        "Is a < b & b > c?",
        "# T\n\n## P\n\n<script>alert(1)</script>\n\nText <img src=x onerror=alert(1)> more.\n\n"
        "[here](javascript:alert(1)) and ![this](data:text/html,x)\n\n"
        "<details open><summary>a</summary>not a hint</details>\n\n"
        "```sh\necho '<b>' & done\n```\n");

    (void)state;
    assert_has(html, "<title>Is a &lt; b &amp; b &gt; c? · Leakyard</title>");
    assert_lacks(html, "<script");
    assert_lacks(html, "<img src=\"x\"");
    assert_lacks(html, "onerror");
    assert_lacks(html, "javascript:");
    assert_lacks(html, "data:");
    assert_lacks(html, "<details open");
    assert_has(html, "<code class=\"language-sh\">echo '&lt;b&gt;' &amp; done\n</code>");
    free(html);
}

static void test_hints(void **state)
{
    char *html = rendered("T", "## Hints\n\n"
                               "<details><summary>The <b>1st</b></summary>\nLook at `x < y`.\n"
                               "</details>\n"
                               "<details><summary>The 2nd</summary>\n<script>a()</script>\n"
                               "</details>\n\n## The answer\n\nIt *is* so.\n");

    (void)state;
    assert_int_equal(times(html, "<details name=\"hints\">"), 2);
    assert_int_equal(times(html, "<details"), 3);
    assert_int_equal(times(html, "</details>"), 3);
    assert_has(html, "<summary>The &lt;b&gt;1st&lt;/b&gt;</summary>");
    assert_has(html, "<code>x &lt; y</code>");
    assert_lacks(html, "<script");
    assert_has(html, "<details class=\"part\">\n<summary><h2>The answer</h2>\n</summary>\n"
                     "<p>It <em>is</em> so.</p>\n</details>");
    free(html);
}

static void test_unfinished(void **state)
{
    static const char *const texts[] = {
        "",
        "## Hints",
        "<details><summary>",
        "<details><summary>a</summary>",
        "<details><summary>a</details>\n\n## The answer\n",
        "## Hints\n\n<details><summary>a</summary>b</details><details><summary>c",
        "```sh\ncurl 127.0.0.1:8080",
        "127.0.0.1:808",
        "\xff\xfe\x00 not UTF-8",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *html = rendered("T", texts[i]);

        assert_int_equal(times(html, "<details"), times(html, "</details>"));
        assert_int_equal(times(html, "<section"), times(html, "</section>"));
        assert_has(html, "</article>\n</body>\n</html>\n");
        free(html);
    }
}

static void test_addresses(void **state)
{
    char *html = rendered("T", "8080 is a port, 18080 and 80801 and a8080 are not.\n\n"
                               "    curl 127.0.0.1:8080/x localhost:8080 127.0.0.1:80801\n");

    (void)state;
    assert_has(html, "<p>4711 is a port, 18080 and 80801 and a8080 are not.</p>");
    assert_has(html, "curl 127.0.0.1:4711/x localhost:4711 127.0.0.1:80801");
    free(html);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markup),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
