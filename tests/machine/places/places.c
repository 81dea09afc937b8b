/* Code whose places and callers tests look for: calls, inlining, an alias, code in RAM, faults in and out of handlers.
 * `want` chooses what happens; a test writes it before the core starts, so the start-up leaves it alone. */
#include <stdint.h>

#define REG(a) (*(volatile uint32_t *)(a))
#define NOINLINE __attribute__((noinline, noclone))

__attribute__((section(".noinit"))) volatile uint32_t want;
volatile uint32_t sink;

static inline __attribute__((always_inline)) void poke(uint32_t address)
{
    REG(address) = 1; /* line: poke */
}

NOINLINE void leaf(uint32_t address)
{
    uint32_t kept[6] = {address, 1, 2, 3, 4, 5};
    for (uint32_t i = 0; i < 6; i++) sink += kept[i];
    poke(address); /* line: leaf */
    sink++;
}

NOINLINE uint32_t middle(uint32_t address, uint32_t times)
{
    volatile uint32_t here[70];
    for (uint32_t i = 0; i < 70; i++) here[i] = times;
    leaf(address); /* line: middle */
    return here[times % 70] + times;
}

__attribute__((section(".ramcode"), noinline, long_call)) void in_ram(uint32_t address)
{
    sink++;
    REG(address) = 2; /* line: in_ram */
    sink++;
}

NOINLINE void through(void (*function)(void))
{
    sink++;
    function(); /* line: through */
    sink++;
}

void default_handler(void) { for (;;) sink++; /* line: default_handler */ }
void hard_fault(void) __attribute__((weak, alias("default_handler")));
void aaa_handler(void) __attribute__((weak, alias("default_handler")));

NOINLINE void handler(void)
{
    sink += middle(0x60000000u, 3); /* line: handler */
}

NOINLINE int main(void)
{
    for (;;) {
        uint32_t now = want;
        if (now == 1) sink += middle(0x60000000u, 3); /* line: main middle */
        if (now == 2) through((void (*)(void))0);     /* line: main through */
        if (now == 3) in_ram(0x60000000u);            /* line: main in_ram */
        if (now == 4) { REG(0xE000E200u) = 1u << 5; __asm volatile("dsb\n\tisb"); } /* line: main pend */
        if (now == 5) { __asm volatile("vmov.f32 s0, #1.0"); REG(0xE000E200u) = 1u << 5; __asm volatile("dsb\n\tisb"); } /* line: main float */
        sink++;
    }
}

extern uint32_t data_start, data_end, data_load, bss_start, bss_end;

void reset(void)
{
    uint32_t *to = &data_start, *from = &data_load;
    while (to < &data_end) *to++ = *from++;
    for (to = &bss_start; to < &bss_end;) *to++ = 0;
    REG(0xE000ED88u) |= 0xFu << 20;
    REG(0xE000E100u) = 1u << 5;
    main(); /* line: reset */
}

__attribute__((section(".vectors"), used)) void *const vectors[64] = {
    [0] = (void *)0x20008000, [1] = reset, [2] = aaa_handler, [3] = hard_fault, [21] = handler,
};
