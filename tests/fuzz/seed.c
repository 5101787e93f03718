/* Functions with inlined calls. tests/fuzz/fuzz.mk makes small ELF files of them, which
 * fuzz_object.c starts from. */
int seed_value(int);
int seed_inner(int, int);
int seed_outer(int);
int seed_loop(int);

static inline __attribute__((always_inline)) int twice(int x)
{
    return seed_value(x) * 2;
}

static inline __attribute__((always_inline)) int four_times(int x)
{
    int y = twice(x);
    return y + twice(y);
}

__attribute__((noinline)) int seed_value(int x)
{
    return x * 7 + 1;
}

__attribute__((noinline)) int seed_inner(int x, int y)
{
    return four_times(x) - y;
}

int seed_outer(int x)
{
    return seed_inner(x, four_times(x + 1));
}

int seed_loop(int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) {
        int part = twice(i);
        sum += part ^ seed_outer(i);
    }
    return sum;
}
