/* Sleeps until five interrupts of the CLINT's timer have come, a thousand counts of MTIME apart, and says when. */
#include "hart.h"

static volatile uint32_t ticks;
static uint32_t due;

static void set_timer(uint32_t low)
{
    REG(MTIMECMP(0) + 4) = 0xFFFFFFFF;
    REG(MTIMECMP(0)) = low;
    REG(MTIMECMP(0) + 4) = 0;
}

uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)value;
    if (cause != (INTERRUPT | 7)) {
        line("unexpected", cause);
        return pc;
    }
    line("tick at", MTIME);
    due += 1000;
    set_timer(due);
    ticks++;
    return pc;
}

int main(void)
{
    due = 1000;
    set_timer(due);
    set_csr(mie, TIMER);
    set_csr(mstatus, MIE);
    while (ticks < 5) {
        __asm__ volatile("wfi");
    }
    clear_csr(mie, TIMER);
    line("done, time", read_csr(time) >= 5000);
    /* With interrupts off, WFI goes on where one is pending. */
    clear_csr(mstatus, MIE);
    set_csr(mie, TIMER);
    __asm__ volatile("wfi");
    line("woken, mip", read_csr(mip));
    line("mtime", MTIME);
    return 0;
}
