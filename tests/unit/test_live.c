/* Ten minutes of life: what is kept of them, how often they are read, and as what events they go
 * out. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "write/live.h"
#include "serve/periodic.h"
#include "unit.h"

static struct lp_history history;

static void fill(int64_t from, int64_t n)
{
    for (int64_t i = from; i < from + n; i++)
        lp_history_add(&history,
                       &(struct lp_vitals){.time_ns = i * 1000000, .heap_bytes = 10 * i, .fds = 7});
}

static void ring_keeps_the_last_ones_in_order(void **state)
{
    (void)state;
    history = (struct lp_history){0};
    assert_null(lp_history_at(&history, 0));
    fill(0, 3);
    assert_int_equal(lp_history_at(&history, 0)->time_ns, 0);
    assert_int_equal(lp_history_at(&history, 2)->heap_bytes, 20);
    assert_null(lp_history_at(&history, 3));
    fill(3, 2 * LP_HISTORY_MAX);
    for (size_t i = 0; i < LP_HISTORY_MAX; i++)
        assert_int_equal(lp_history_at(&history, i)->time_ns,
                         (int64_t)(LP_HISTORY_MAX + 3 + i) * 1000000);
    assert_null(lp_history_at(&history, LP_HISTORY_MAX));
}

static void dear_readings_are_taken_less_often(void **state)
{
    (void)state;
    assert_int_equal(lp_history_wait_ms(0), LP_HISTORY_PERIOD_MS);
    assert_int_equal(lp_history_wait_ms(9000000), LP_HISTORY_PERIOD_MS);
    assert_int_equal(lp_history_wait_ms(50000000), 5000);
}

static void dear_snapshots_are_taken_less_often(void **state)
{
    (void)state;
    assert_int_equal(lp_periodic_wait_ms(100, 0), 100);
    assert_int_equal(lp_periodic_wait_ms(100, 3000000), 97); /* from start to start, not to end */
    assert_int_equal(lp_periodic_wait_ms(10000, 600000000), 9400);
    assert_int_equal(lp_periodic_wait_ms(100, 103000000), 9 * 103);
    assert_int_equal(lp_periodic_wait_ms(1000, 20000000000), 180000);
}

/* The data of an event: what follows "event: NAME\ndata: ", as JSON. */
static json_t *data_of(const char *text, const char *name)
{
    char head[64];
    int length = snprintf(head, sizeof head, "event: %s\ndata: ", name);
    assert_int_equal(strncmp(text, head, (size_t)length), 0);
    assert_string_equal(strchr(text + length, '\n'), "\n\n");
    json_t *json = json_loads(text + length, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(json);
    return json;
}

static json_t *history_event(void)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(lp_write_live_history(out, &history), 0);
    fclose(out);
    json_t *json = data_of(text, "history");
    free(text);
    return json;
}

static json_t *point_event(const struct lp_vitals *life)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    lp_write_live_point(out, life);
    fclose(out);
    json_t *json = data_of(text, "point");
    free(text);
    return json;
}

static void events_have_the_same_fields(void **state)
{
    (void)state;
    history = (struct lp_history){0};
    fill(5, 2);
    json_t *all = history_event(), *point = point_event(lp_history_at(&history, 1));
    json_t *fields = json_object_get(all, "fields"), *points = json_object_get(all, "points");
    assert_int_equal(json_array_size(points), 2);
    json_object_del(point, "heap_note"); /* where the heap is not watched */
    assert_int_equal(json_array_size(fields), json_object_size(point));
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *field = json_string_value(json_array_get(fields, i));
        assert_int_equal(json_integer_value(json_array_get(json_array_get(points, 1), i)),
                         json_integer_value(json_object_get(point, field)));
    }
    assert_int_equal(json_integer_value(json_object_get(point, "time_ms")), 6);
    assert_int_equal(json_integer_value(json_object_get(point, "heap_bytes")), 60);
    assert_int_equal(json_integer_value(json_object_get(point, "fds")), 7);
    json_decref(all);
    json_decref(point);
}

/* A program may be called anything; an event must stay one line of UTF-8. */
static void names_of_programs_are_text(void **state)
{
    (void)state;
    char *kept = program_invocation_short_name, odd[] = "a\"b\n\ndata: \xff</script>";
    history = (struct lp_history){0};
    program_invocation_short_name = odd;
    json_t *all = history_event();
    program_invocation_short_name = kept;
    assert_non_null(strstr(json_string_value(json_object_get(all, "program")), "a\"b"));
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_keeps_the_last_ones_in_order),
        cmocka_unit_test(dear_readings_are_taken_less_often),
        cmocka_unit_test(dear_snapshots_are_taken_less_often),
        cmocka_unit_test(events_have_the_same_fields),
        cmocka_unit_test(names_of_programs_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
