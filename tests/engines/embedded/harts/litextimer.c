/* LiteX's timer (CSRs of 32 bits) in input 1 of a VexRiscv: a load of 1000 cycles, then two reloads of 500. */
#include "hart.h"

#define TIMER_BASE 0xE0002800u
#define LOAD REG(TIMER_BASE)
#define RELOAD REG(TIMER_BASE + 0x4)
#define EN REG(TIMER_BASE + 0x8)
#define UPDATE REG(TIMER_BASE + 0xC)
#define VALUE REG(TIMER_BASE + 0x10)
#define PENDING REG(TIMER_BASE + 0x18)
#define EVENTS REG(TIMER_BASE + 0x1C)
#define LATCH REG(TIMER_BASE + 0x20)
#define CYCLES REG(TIMER_BASE + 0x28)

static volatile uint32_t count;
static uint32_t came[3];

uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)value;
    LATCH = 1;
    came[count] = CYCLES;
    if (cause != (INTERRUPT | 11) || read_csr(0xFC0) != 2) {
        line("unexpected", cause);
    }
    PENDING = 1;
    if (++count == 3) {
        EN = 0;
    }
    return pc;
}

int main(void)
{
    write_csr(0xBC0, 1u << 1);
    set_csr(mie, EXTERNAL);
    set_csr(mstatus, MIE);
    EVENTS = 1;
    LOAD = 1000;
    RELOAD = 500;
    LATCH = 1;
    uint32_t begin = CYCLES;
    EN = 1;
    while (count < 3) {
        __asm__ volatile("wfi");
    }
    for (int number = 0; number < 3; number++) {
        line("after", came[number] - begin);
    }
    UPDATE = 1;
    line("value", VALUE > 400 && VALUE <= 500);
    return 0;
}
