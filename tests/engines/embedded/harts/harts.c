/* Two harts ring each other by the CLINT's software interrupts: hart 0 counts, hart 1 answers, ten times. */
#include "hart.h"

static volatile uint32_t rung[2];
static volatile uint32_t shared;

uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)value;
    uint32_t hart = read_csr(mhartid);
    if (cause != (INTERRUPT | 3)) {
        line("unexpected", cause);
        return pc;
    }
    MSIP(hart) = 0;
    rung[hart] = 1;
    return pc;
}

static void wait(uint32_t hart)
{
    while (!rung[hart]) {
        __asm__ volatile("wfi");
    }
    rung[hart] = 0;
}

int main(void)
{
    uint32_t hart = read_csr(mhartid);
    set_csr(mie, SOFTWARE);
    set_csr(mstatus, MIE);
    if (hart) {
        for (;;) {
            wait(1);
            shared += 1;
            __asm__ volatile("fence" ::: "memory");
            MSIP(0) = 1;
        }
    }
    for (int count = 0; count < 10; count++) {
        __asm__ volatile("amoadd.w zero, %1, %0" : "+A"(*(uint32_t *)&shared) : "r"(0x100) : "memory");
        MSIP(1) = 1;
        wait(0);
    }
    line("rounds", shared);
    return 0;
}
