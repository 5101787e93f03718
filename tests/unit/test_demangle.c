/* Rust names of the kind v0 become what rustc's own tools show, and no name does harm. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/demangle.h"

struct name {
    const char *linkage, *readable;
};

/* From RFC 2603, from the tests of rustc-demangle, and from rustc 1.95. binutils reads them alike.
 */
static const struct name names[] = {
    {"_RNvC6_123foo3bar", "123foo::bar"},
    {"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
    {"_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>"},
    {"_RNvMNtC7mycrate3fooNtB2_3Bar4quux", "<mycrate::foo::Bar>::quux"},
    {"_RNvXCs1234_7mycrateINtC3std3VechENtB2_5Trait3foo", "<std::Vec<u8> as mycrate::Trait>::foo"},
    {"_RNvYhNtC3std5Trait3foo", "<u8 as std::Trait>::foo"},
    {"_RNCNvC7mycrate4mains_0", "mycrate::main::{closure#1}"},
    {"_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y",
     "utf8_idents::საჭმელად_გემრიელი_სადილი"},
    {"_RINtC8arrayvec8ArrayVechKj7b_E", "arrayvec::ArrayVec::<u8, 123>"},
    {"_RMCs4fqI2P2rA04_13const_genericINtB0_6SignedKanb_E", "<const_generic::Signed<-11>>"},
    {"_RMCs4fqI2P2rA04_13const_genericINtB0_4BoolKb1_E", "<const_generic::Bool<true>>"},
    {"_RNvNvMCs4fqI2P2rA04_13const_genericINtB4_3FooKpE3foo3FOO",
     "<const_generic::Foo<_>>::foo::FOO"},
    {"_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_ECs1iopQbuBiw2_"
     "3std",
     "alloc::alloc::box_free::<dyn alloc::boxed::FnBox<(), Output = ()>>"},
    {"_RINvC1a1fRL_hE", "a::f::<&u8>"},
    {"_RINvC1a1fDG_INtC1b1TL0_EEL_E", "a::f::<dyn for<'a> b::T<'a>>"},
    {"_RINvC1a1fFG0_RL1_hRL0_tEuE", "a::f::<for<'a, 'b> fn(&'a u8, &'b u16)>"},
    {"_RINvC1a1fTuzvEE", "a::f::<((), !, ...)>"},
    {"_RINvC1a1fAhj3_SeOhPhQhE", "a::f::<[u8; 3], [str], *mut u8, *const u8, &mut u8>"},
    {"_RC3foo.llvm.9D1C9369", "foo"},
    {"_RINvCsjMaewn57Afh_1t5konstKb1_Kc78_Kln5_Ko4d_EB2_", "t::konst::<true, 'x', -5, 77>"},
    {"_RINvCsjMaewn57Afh_1t7genericyyuNCNCNvB2_5outer00EB2_",
     "t::generic::<u64, u64, (), t::outer::{closure#0}::{closure#0}>"},
    {"_RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeINtNtCslNYArtu3iFV_5alloc3vec3VecINtNtBL_"
     "5boxed3BoxDNtNtCsjMaewn57Afh_1t4shop5PriceEL_EEEB1A_.llvm.11466835038241533839",
     "core::ptr::drop_in_place::<alloc::vec::Vec<alloc::boxed::Box<dyn t::shop::Price>>>"},
    {"_RINvNvCsjMaewn57Afh_1t5outer5innerAaj4_EB4_", "t::outer::inner::<[i8; 4]>"},
    {"_RINvNvCsjMaewn57Afh_1t5outer5innerThtTmEEEB4_", "t::outer::inner::<(u8, u16, (u32,))>"},
    {"_RNvCsjMaewn57Afh_1tu8gdel_5qa", "t::gödel"},
    {"_RNvNtCsjMaewn57Afh_1tu9gre_6ka8iu7_1lqs71d", "t::größe::東京"},
    {"_RNvMNtCsjMaewn57Afh_1t4shopINtB2_6BasketNtB2_3TeaKj3_E5totalB4_",
     "<t::shop::Basket<t::shop::Tea, 3>>::total"},
    {"_RNvMs3_NtCslNYArtu3iFV_5alloc7raw_vecINtB5_6RawVecPaE8grow_oneCsjrHSEGnQ3l9_3std",
     "<alloc::raw_vec::RawVec<*const i8>>::grow_one"},
    {"_RNvMs3_NtCslNYArtu3iFV_5alloc7raw_vecINtB5_6RawVecTOhFUKCBN_EuENtNtCsjrHSEGnQ3l9_"
     "3std5alloc6SystemE8grow_oneB13_",
     "<alloc::raw_vec::RawVec<(*mut u8, unsafe extern \"C\" fn(*mut u8)), "
     "std::alloc::System>>::grow_one"},
    {"_RNvXs0_NtCsjMaewn57Afh_1t4shopReNtB5_5Price5price", "<&str as t::shop::Price>::price"},
    {"_RNvXs1_NtCsjMaewn57Afh_1t4shopINtNtCslNYArtu3iFV_5alloc3vec3VecNtB5_3TeaENtB5_"
     "5Price5priceB7_",
     "<alloc::vec::Vec<t::shop::Tea> as t::shop::Price>::price"},
    {"_RNvXsq_NtCsgEmfK2I1SDS_4core3fmtONtNtB7_3ffi6c_voidNtB5_5Debug3fmtCsjrHSEGnQ3l9_3std",
     "<*mut core::ffi::c_void as core::fmt::Debug>::fmt"},
    {"_RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeINtNtCslNYArtu3iFV_5alloc5boxed3BoxDG0_"
     "INtNtNtB4_3ops8function2FnTRL1_INtNtCsjrHSEGnQ3l9_3std5panic13PanicHookInfoL0_"
     "EEEp6OutputuNtNtB4_6marker4SyncNtB2N_4SendEL_EEB1T_",
     "core::ptr::drop_in_place::<alloc::boxed::Box<dyn for<'a, 'b> core::ops::function::Fn<(&'a "
     "std::panic::PanicHookInfo<'b>,), Output = ()> + core::marker::Sync + core::marker::Send>>"},
    {"_RNSNvYNCNvNtNtNtCsjrHSEGnQ3l9_3std3sys11personality3gcc14find_eh_"
     "action0INtNtNtCsgEmfK2I1SDS_4core3ops8function6FnOnceuE9call_once6vtableBe_",
     "<std::sys::personality::gcc::find_eh_action::{closure#0} as "
     "core::ops::function::FnOnce<()>>::call_once::{shim:vtable#0}"},
    {"_RNvYReNtNtCsjMaewn57Afh_1t4shop5Price5twiceB8_", "<&str as t::shop::Price>::twice"},
    {"_RNvXsr_NtCsgEmfK2I1SDS_4core3fmtShNtB5_5Debug3fmtCsgY6Mt91CT9J_14rustc_demangle",
     "<[u8] as core::fmt::Debug>::fmt"},
    {"_RINvNtNtCsjrHSEGnQ3l9_3std3sys9backtrace26___rust_end_short_backtraceNCNvNtB6_5alloc8rust_"
     "oom0zEB6_",
     "std::sys::backtrace::__rust_end_short_backtrace::<std::alloc::rust_oom::{closure#0}, !>"},
};

/* What the linker appended goes, as does the hash of the older kind, which is also well formed C++.
 */
static const struct name more[] = {
    {"_RC9backtrace.suffix", "backtrace"},
    {"_RNvNtNtNtNtNtCsjrHSEGnQ3l9_3std3sys3pal4unix14stack_overflow3imp13MAIN_ALTSTACK.0",
     "std::sys::pal::unix::stack_overflow::imp::MAIN_ALTSTACK"},
    {"_RINvCsjMaewn57Afh_1t5konstKb0_Kca_Kln80000000_Ko0_EB2_",
     "t::konst::<false, '\\n', -2147483648, 0>"},
    {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad"},
    {"_ZN4core3fmt9Formatter3padE", "core::fmt::Formatter::pad"},
    {"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
     "3bar17h930b740aa94f1d3aE",
     "<Test + 'static as foo::Bar<Test>>::bar"},
};

static const char *const wrong[] = {
    "_R",
    "_RN",
    "_RNvC1a1",
    "_RNvB_1a",
    "_RNvC9999999999999999999999a1b",
    "_RIC1aB3_E",
    "_RNvC1a1b extra",
    "_R1NvC1a1b",
    "_RIC0FGZZZZZZZ_EuE",
    "_RINvC1a1fKcne_E",
    "_RINvC1a1fKb2_E",
    "_RNvC1au2_9",
};

static void reads(const struct name *name)
{
    char *readable = lp_demangle(name->linkage);
    assert_non_null(readable);
    assert_string_equal(readable, name->readable);
    free(readable);
}

static void names_are_readable(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        reads(&names[i]);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        reads(&more[i]);
}

static void other_names_stay(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_null(lp_demangle(wrong[i]));
}

static void binutils_agrees(void **state)
{
    (void)state;
    if (system("c++filt --version >/dev/null 2>&1") != 0)
        skip();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char command[1024], line[1024];
        snprintf(command, sizeof command, "c++filt -i '%s'", names[i].linkage);
        FILE *out = popen(command, "r");
        assert_non_null(out);
        assert_non_null(fgets(line, sizeof line, out));
        assert_int_equal(pclose(out), 0);
        line[strcspn(line, "\n")] = '\0';
        assert_string_equal(line, names[i].readable);
    }
}

/* Each level stands twice for the one below: 2^levels types. */
static char *doubled(int levels)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static char name[2048];
    size_t below = 4; /* where that level begins, behind "_R" */
    size_t n = (size_t)snprintf(name, sizeof name, "_RIC1aTuuE");
    for (int i = 0; i < levels; i++) {
        char to[3] = {digits[(below - 1) / 62], digits[(below - 1) % 62], '\0'};
        below = n - 2;
        n += (size_t)snprintf(name + n, sizeof name - n, "TB%s_B%s_E", to, to);
    }
    snprintf(name + n, sizeof name - n, "E");
    return lp_demangle(name);
}

static void a_short_name_for_a_long_one_stays(void **state)
{
    (void)state;
    char *readable = doubled(2);
    assert_non_null(readable);
    assert_string_equal(
        readable,
        "a::<((), ()), (((), ()), ((), ())), ((((), ()), ((), ())), (((), ()), ((), ())))>");
    free(readable);
    assert_null(doubled(64));

    char deep[4096] = "_R";
    memset(deep + 2, 'I', sizeof deep - 3);
    assert_null(lp_demangle(deep));
}

static void damaged_names_do_no_harm(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        const struct name *from = &names[rand_r(&seed) % (sizeof names / sizeof names[0])];
        char name[1024];
        snprintf(name, sizeof name, "%s", from->linkage);
        size_t n = strlen(name);
        for (int i = rand_r(&seed) % 6; i >= 0; i--)
            name[2 + (size_t)rand_r(&seed) % (n - 2)] = from->linkage[(size_t)rand_r(&seed) % n];
        free(lp_demangle(name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_readable),
        cmocka_unit_test(other_names_stay),
        cmocka_unit_test(binutils_agrees),
        cmocka_unit_test(a_short_name_for_a_long_one_stays),
        cmocka_unit_test(damaged_names_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
