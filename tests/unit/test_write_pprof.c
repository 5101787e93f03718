/* What is written as pprof keeps every rule that pprof checks, and says what the profile said. */
#include "unit.h"

#include <unistd.h>
#include <zlib.h>

#include "profile/heap.h"
#include "writer.h"
#include "profile.pb-c.h"

typedef Perftools__Profiles__Profile Profile;

static Profile *read_back(const struct lp_profile *profile)
{
    static uint8_t raw[1 << 20];
    size_t size;
    char *text = written(lp_write_pprof, profile, 0, &size);
    z_stream z = {.next_in = (Bytef *)text,
                  .avail_in = (uInt)size,
                  .next_out = raw,
                  .avail_out = sizeof(raw)};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK); /* gzip and nothing else */
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    Profile *p = perftools__profiles__profile__unpack(NULL, z.total_out, raw);
    inflateEnd(&z);
    free(text);
    assert_non_null(p);
    return p;
}

static void put_away(Profile *p)
{
    perftools__profiles__profile__free_unpacked(p, NULL);
}

static struct lp_profile *some_profile(void)
{
    struct lp_profile *profile = lp_profile_new(lp_kind_find("heap"));
    uintptr_t one[] = {(uintptr_t)some_profile + 5, (uintptr_t)read_back + 5};
    uintptr_t two[] = {(uintptr_t)malloc + 1, (uintptr_t)some_profile + 5};
    add_row(profile, lp_stack_intern(one, 2), 6400, 100);
    add_row(profile, lp_stack_intern(two, 2), -640, 0);
    add_row(profile, LP_STACK_EARLIER, 64, 0);
    profile->time_ns = 123;
    profile->period = 4096;
    profile->losses = 7;
    lp_profile_seal(profile);
    return profile;
}

static void ids_are_unique_and_all_of_them_lead_somewhere(void **state)
{
    (void)state;
    struct lp_profile *profile = some_profile();
    Profile *p = read_back(profile);
    assert_string_equal(p->string_table[0], "");
    for (size_t i = 0; i < p->n_location; i++) {
        assert_int_equal(p->location[i]->id, i + 1);
        assert_in_range(p->location[i]->mapping_id, 0, p->n_mapping);
        assert_true(p->location[i]->n_line > 0);
        for (size_t k = 0; k < p->location[i]->n_line; k++)
            assert_in_range(p->location[i]->line[k]->function_id, 1, p->n_function);
    }
    for (size_t i = 0; i < p->n_function; i++) {
        assert_int_equal(p->function[i]->id, i + 1);
        assert_in_range(p->function[i]->name, 1, p->n_string_table - 1);
    }
    for (size_t i = 0; i < p->n_sample; i++) {
        assert_int_equal(p->sample[i]->n_value, p->n_sample_type);
        for (size_t k = 0; k < p->sample[i]->n_location_id; k++)
            assert_in_range(p->sample[i]->location_id[k], 1, p->n_location);
    }
    put_away(p);
    lp_profile_free(profile);
}

static void the_first_mapping_is_the_program_and_all_claim_alike(void **state)
{
    (void)state;
    struct lp_profile *profile = some_profile();
    Profile *p = read_back(profile);
    char program[4096] = "";
    assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
    assert_string_equal(p->string_table[p->mapping[0]->filename], program);
    for (size_t i = 0; i < p->n_mapping; i++) {
        assert_int_equal(p->mapping[i]->id, i + 1);
        assert_true(p->mapping[i]->has_functions && p->mapping[i]->has_filenames &&
                    p->mapping[i]->has_line_numbers && p->mapping[i]->has_inline_frames);
    }
    put_away(p);
    lp_profile_free(profile);
}

static void values_and_stacks_are_the_profiles(void **state)
{
    (void)state;
    struct lp_profile *profile = some_profile();
    Profile *p = read_back(profile);
    assert_int_equal(p->n_sample, 3);
    assert_int_equal(p->period, 4096);
    assert_int_equal(p->time_nanos, 123);
    assert_int_equal(p->default_sample_type, 0);
    assert_string_equal(p->string_table[p->sample_type[3]->type], "inuse_space");
    assert_string_equal(p->string_table[p->sample_type[3]->unit], "bytes");

    for (size_t i = 0; i < 3; i++) {
        Perftools__Profiles__Sample *sample = p->sample[i];
        struct lp_stack stack = lp_stack_get(profile->rows[i].stack);
        Perftools__Profiles__Location *leaf = p->location[sample->location_id[0] - 1];
        assert_int_equal(sample->value[3], profile->rows[i].value[3]);
        assert_int_equal(sample->n_label, 1);
        assert_string_equal(p->string_table[sample->label[0]->key], "bytes");
        assert_int_equal(sample->label[0]->num, 64);
        if (stack.nframes > 0) {
            assert_int_equal(sample->n_location_id, stack.nframes);
            assert_int_equal(leaf->address, stack.frames[0]);
        } else {
            Perftools__Profiles__Function *function = p->function[leaf->line[0]->function_id - 1];
            assert_int_equal(leaf->mapping_id, 0);
            assert_string_equal(p->string_table[function->name],
                                lp_stack_special(profile->rows[i].stack));
        }
    }
    put_away(p);
    lp_profile_free(profile);
}

static void losses_and_errors_are_told(void **state)
{
    (void)state;
    struct lp_profile *profile = some_profile();
    Profile *p = read_back(profile);
    assert_true(p->n_comment >= 2);
    assert_non_null(strstr(p->string_table[p->comment[0]], "7 events"));
    assert_non_null(strstr(p->string_table[p->comment[1]], "±"));
    put_away(p);
    lp_profile_free(profile);
}

static void mixed_rates_are_told(void **state)
{
    (void)state;
    struct lp_profile *profile = some_profile();
    lp_heap_of(profile)->rates = (struct lp_rates){.n = 2, .at = {{524288, 0}, {1, 3200000000}}};
    Profile *p = read_back(profile);
    assert_string_equal(
        p->string_table[p->comment[0]],
        "rates mixed: 524288 bytes from 0 ns, 1 (exact) from 3.20 s after the start");
    assert_non_null(strstr(p->string_table[p->comment[2]], "samples at mixed rates"));
    put_away(p);
    lp_profile_free(profile);
}

static void allocs_has_a_default_and_nothing_is_a_profile_too(void **state)
{
    (void)state;
    struct lp_profile *profile = lp_profile_new(lp_kind_find("allocs"));
    lp_profile_seal(profile);
    Profile *p = read_back(profile);
    assert_int_equal(p->n_sample, 0);
    assert_int_equal(p->n_mapping, 1);
    assert_string_equal(p->string_table[p->default_sample_type], "alloc_space");
    put_away(p);
    lp_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_unique_and_all_of_them_lead_somewhere),
        cmocka_unit_test(the_first_mapping_is_the_program_and_all_claim_alike),
        cmocka_unit_test(values_and_stacks_are_the_profiles),
        cmocka_unit_test(losses_and_errors_are_told),
        cmocka_unit_test(mixed_rates_are_told),
        cmocka_unit_test(allocs_has_a_default_and_nothing_is_a_profile_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
