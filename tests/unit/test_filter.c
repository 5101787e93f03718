/*
 * What a filter of system calls would answer. The evaluator is included as it is. It is compared
 * with the kernel: a child installs the same filter and makes the call.
 */
#include "unit.h"

/* The names are in the library too. */
#define lp_filter_spares_hooks tested_filter_spares_hooks
#define lp_filter_spares_thread tested_filter_spares_thread
#include "hooks/filter.c"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBE = 7777 /* not a system call */, STEPS_MAX = 200 };

static const uint64_t arguments[6] = {0, 4711, 0x1234567800000001, UINT64_MAX, 31, 0x80000000};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_ARGUMENT(n)                                                                           \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n)))
#define RESULT(action) BPF_STMT(BPF_RET | BPF_K, action)
#define JUMP(how, k, jt, jf) BPF_JUMP(BPF_JMP | (how), k, jt, jf)
#define FILTER(name, ...)                                                                          \
    struct sock_filter name##_steps[] = {__VA_ARGS__};                                             \
    const struct sock_fprog name = {sizeof name##_steps / sizeof *name##_steps, name##_steps}

static void assert_spares(const struct sock_fprog *filter, bool by_hooks, bool by_thread)
{
    assert_int_equal(tested_filter_spares_hooks(filter), by_hooks);
    assert_int_equal(tested_filter_spares_thread(filter), by_thread);
}

static void actions_are_told_apart(void **state)
{
    (void)state;
    static const uint32_t spare[] = {SECCOMP_RET_ALLOW, SECCOMP_RET_LOG, SECCOMP_RET_ERRNO | 1,
                                     SECCOMP_RET_TRACE | 4711};
    static const uint32_t spare_not[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
                                         SECCOMP_RET_TRAP | 1, SECCOMP_RET_USER_NOTIF, 12345};
    for (size_t i = 0; i < sizeof spare / sizeof *spare; i++) {
        FILTER(filter, RESULT(spare[i]));
        assert_spares(&filter, true, true);
    }
    for (size_t i = 0; i < sizeof spare_not / sizeof *spare_not; i++) {
        FILTER(filter, RESULT(spare_not[i]));
        assert_spares(&filter, false, false);
    }
}

static void a_call_is_known_by_its_number(void **state)
{
    (void)state;
    FILTER(threads, LOAD(nr), JUMP(BPF_JEQ, SYS_epoll_wait, 0, 1), RESULT(SECCOMP_RET_KILL_PROCESS),
           RESULT(SECCOMP_RET_ALLOW));
    FILTER(all, LOAD(nr), JUMP(BPF_JEQ, SYS_futex, 0, 1), RESULT(SECCOMP_RET_KILL_PROCESS),
           RESULT(SECCOMP_RET_ALLOW));
    FILTER(none, LOAD(nr), JUMP(BPF_JEQ, SYS_ptrace, 0, 1), RESULT(SECCOMP_RET_KILL_PROCESS),
           RESULT(SECCOMP_RET_ALLOW));
    assert_spares(&threads, true, false);
    assert_spares(&all, false, false);
    assert_spares(&none, true, true);
}

static void a_call_is_known_by_its_arguments(void **state)
{
    (void)state;
    FILTER(executable, LOAD(nr), JUMP(BPF_JEQ, SYS_mmap, 0, 3), LOAD_ARGUMENT(2),
           JUMP(BPF_JSET, PROT_EXEC, 0, 1), RESULT(SECCOMP_RET_KILL_PROCESS),
           RESULT(SECCOMP_RET_ALLOW));
    FILTER(writable, LOAD(nr), JUMP(BPF_JEQ, SYS_mmap, 0, 3), LOAD_ARGUMENT(2),
           JUMP(BPF_JSET, PROT_WRITE, 0, 1), RESULT(SECCOMP_RET_KILL_PROCESS),
           RESULT(SECCOMP_RET_ALLOW));
    FILTER(name, LOAD(nr), JUMP(BPF_JEQ, SYS_prctl, 0, 3), LOAD_ARGUMENT(0),
           JUMP(BPF_JEQ, PR_SET_NAME, 0, 1), RESULT(SECCOMP_RET_KILL_PROCESS),
           RESULT(SECCOMP_RET_ALLOW));
    assert_spares(&executable, true, true);
    assert_spares(&writable, false, false);
    assert_spares(&name, true, false);
}

static void another_architecture_is_not_ours(void **state)
{
    (void)state;
    FILTER(ours, LOAD(arch), JUMP(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0),
           RESULT(SECCOMP_RET_KILL_PROCESS), RESULT(SECCOMP_RET_ALLOW));
    FILTER(other, LOAD(arch), JUMP(BPF_JEQ, AUDIT_ARCH_I386, 1, 0),
           RESULT(SECCOMP_RET_KILL_PROCESS), RESULT(SECCOMP_RET_ALLOW));
    assert_spares(&ours, true, true);
    assert_spares(&other, false, false);
}

/* The kernel refuses each of them. Here, each ends. */
static void what_is_no_filter_spares_nothing(void **state)
{
    (void)state;
    FILTER(endless, JUMP(BPF_JA, UINT32_MAX, 0, 0), RESULT(SECCOMP_RET_ALLOW));
    FILTER(back, BPF_STMT(BPF_LD | BPF_IMM, 1), JUMP(BPF_JA, UINT32_MAX - 1, 0, 0),
           RESULT(SECCOMP_RET_ALLOW));
    FILTER(beyond, JUMP(BPF_JA, 1, 0, 0), RESULT(SECCOMP_RET_ALLOW));
    FILTER(beyond_by_case, JUMP(BPF_JEQ, 0, 255, 255), RESULT(SECCOMP_RET_ALLOW));
    FILTER(resultless, LOAD(nr));
    FILTER(outside, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(struct seccomp_data)),
           RESULT(SECCOMP_RET_ALLOW));
    FILTER(across, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(struct seccomp_data) - 2),
           RESULT(SECCOMP_RET_ALLOW));
    FILTER(far, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UINT32_MAX), RESULT(SECCOMP_RET_ALLOW));
    FILTER(indirect, BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RESULT(SECCOMP_RET_ALLOW));
    FILTER(stored, BPF_STMT(BPF_ST, BPF_MEMWORDS), RESULT(SECCOMP_RET_ALLOW));
    FILTER(recalled, BPF_STMT(BPF_LDX | BPF_MEM, UINT32_MAX), RESULT(SECCOMP_RET_ALLOW));
    FILTER(divided, BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RESULT(SECCOMP_RET_ALLOW));
    FILTER(unknown, BPF_STMT(BPF_ALU | 0xe0, 0), RESULT(SECCOMP_RET_ALLOW));
    const struct sock_fprog *all[] = {&endless,  &back,    &beyond, &beyond_by_case, &resultless,
                                      &outside,  &across,  &far,    &indirect,       &stored,
                                      &recalled, &divided, &unknown};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_spares(all[i], false, false);
}

/* A program of random steps: arithmetic, memory, loads, and jumps forward. */
struct made {
    struct sock_filter steps[STEPS_MAX];
    uint16_t n;
};

static uint32_t chance(uint32_t below)
{
    return (uint32_t)random() % below;
}

static void step(struct made *made, unsigned code, uint32_t k, uint32_t jt, uint32_t jf)
{
    made->steps[made->n++] =
        (struct sock_filter)BPF_JUMP((uint16_t)code, k, (uint8_t)jt, (uint8_t)jf);
}

static uint32_t any_number(void)
{
    switch (chance(4)) {
    case 0:
        return chance(40);
    case 1:
        return 1u << chance(32);
    case 2:
        return UINT32_MAX - chance(3);
    default:
        return (uint32_t)random() ^ (uint32_t)random() << 8;
    }
}

/* Not the instruction pointer: it is not known before the call. */
static uint32_t any_field(void)
{
    return chance(2) ? chance(2) * 4 : 16 + 4 * chance(12);
}

static void random_arithmetic(struct made *made)
{
    static const unsigned operations[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,
                                          BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG};
    unsigned operation = operations[chance(10)], source = chance(2) ? BPF_X : BPF_K;
    uint32_t k = any_number();
    if (operation == BPF_LSH || operation == BPF_RSH)
        k %= 32;
    if (operation == BPF_DIV)
        k += k == 0, source = chance(3) ? BPF_K : source;
    step(made, BPF_ALU | operation | (operation == BPF_NEG ? 0 : source), k, 0, 0);
}

static void random_jump(struct made *made, uint32_t left)
{
    static const unsigned conditions[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
    left = left < 6 ? left : 6;
    if (chance(5) == 0)
        step(made, BPF_JMP | BPF_JA, chance(left), 0, 0);
    else
        step(made, BPF_JMP | conditions[chance(4)] | (chance(2) ? BPF_X : BPF_K), any_number(),
             chance(left), chance(left));
}

static void random_step(struct made *made, uint32_t left)
{
    switch (chance(8)) {
    case 0:
        step(made, BPF_LD | BPF_W | BPF_ABS, any_field(), 0, 0);
        break;
    case 1:
        step(made, (chance(2) ? BPF_LD : BPF_LDX) | BPF_W | (chance(4) ? BPF_IMM : BPF_LEN),
             any_number(), 0, 0);
        break;
    case 2:
        step(made, (chance(2) ? BPF_LD : BPF_LDX) | BPF_MEM, chance(BPF_MEMWORDS), 0, 0);
        break;
    case 3:
        step(made, chance(2) ? BPF_ST : BPF_STX, chance(BPF_MEMWORDS), 0, 0);
        break;
    case 4:
        step(made, BPF_MISC | (chance(2) ? BPF_TAX : BPF_TXA), 0, 0, 0);
        break;
    case 5:
        random_jump(made, left);
        break;
    default:
        random_arithmetic(made);
    }
}

/* Other calls pass. Of the probe, the result is twelve bits of the accumulator, as an errno. */
static void make_filter(struct made *made)
{
    enum { STEPS = 40 };
    made->n = 0;
    step(made, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    step(made, BPF_JMP | BPF_JEQ, PROBE, 1, 0);
    step(made, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    for (uint32_t i = 0; i < BPF_MEMWORDS;
         i++) { /* the kernel wants it written before it is read */
        step(made, BPF_LD | BPF_W | BPF_ABS, any_field(), 0, 0);
        step(made, BPF_ST, i, 0, 0);
    }
    for (uint32_t left = STEPS; left > 0; left--)
        random_step(made, left);
    step(made, BPF_ALU | BPF_RSH | BPF_K, chance(3) * 10, 0, 0);
    step(made, BPF_ALU | BPF_AND | BPF_K, LP_ERRNO_MAX, 0, 0);
    step(made, BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO, 0, 0);
    step(made, BPF_RET | BPF_A, 0, 0, 0);
}

struct answer {
    long installed, result;
    bool made;
};

/* In a child: installs the filter and makes the call. No function of libc: hooks watch some. */
static void ask_kernel(const struct sock_fprog *filter, volatile struct answer *answer)
{
    lp_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1);
    answer->installed = lp_syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter);
    if (answer->installed == 0) {
        answer->result =
            lp_syscall6(PROBE, (long)arguments[0], (long)arguments[1], (long)arguments[2],
                        (long)arguments[3], (long)arguments[4], (long)arguments[5]);
        answer->made = true;
    }
    lp_syscall(SYS_exit_group, 0);
}

static void the_kernel_agrees(void **state)
{
    (void)state;
    enum { FILTERS = 100 };
    struct answer *answer =
        mmap(NULL, sizeof *answer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct seccomp_data data = {.nr = PROBE, .arch = AUDIT_ARCH_X86_64};
    memcpy(data.args, arguments, sizeof data.args);
    int killed = 0, zero = 0;
    assert_ptr_not_equal(answer, MAP_FAILED);
    srandom(20);
    for (int i = 0; i < FILTERS; i++) {
        struct made made;
        make_filter(&made);
        const struct sock_fprog filter = {made.n, made.steps};
        *answer = (struct answer){0};
        /* Not fork(): a sanitizer's thread in the child would outlive the one that is killed. */
        pid_t child = (pid_t)lp_syscall(SYS_clone, SIGCHLD);
        if (child == 0)
            ask_kernel(&filter, answer);
        assert_int_equal(waitpid(child, NULL, 0), child);
        if (i == 0 && answer->installed != 0)
            skip(); /* in a sandbox without filters */
        assert_int_equal(answer->installed, 0);
        uint32_t result = result_of(&filter, &data);
        if (answer->made) {
            assert_int_equal(result, SECCOMP_RET_ERRNO | (uint32_t)-answer->result);
            zero += answer->result == 0;
        } else {
            assert_int_equal(result & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_KILL_PROCESS);
            killed++;
        }
    }
    assert_true(killed > 0 && zero < FILTERS / 2); /* most of them tell something */
    munmap(answer, sizeof *answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_are_told_apart),
        cmocka_unit_test(a_call_is_known_by_its_number),
        cmocka_unit_test(a_call_is_known_by_its_arguments),
        cmocka_unit_test(another_architecture_is_not_ours),
        cmocka_unit_test(what_is_no_filter_spares_nothing),
        cmocka_unit_test(the_kernel_agrees),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
