/* Echoes what it receives, in the interrupt that the PLIC has for the UART (source 3). */
#include "hart.h"

uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)value;
    if (cause != (INTERRUPT | 11)) {
        line("unexpected", cause);
        return pc;
    }
    uint32_t source = CLAIM(0);
    text("source ");
    put('0' + source);
    text(": ");
    while (BYTE(UART + 5) & 1) {
        put(BYTE(UART));
    }
    text("\n");
    CLAIM(0) = source;
    return pc;
}

int main(void)
{
    PRIORITY(3) = 1;
    THRESHOLD(0) = 0;
    ENABLE(0) = 1u << 3;
    BYTE(UART + 1) = 1;
    set_csr(mie, EXTERNAL);
    set_csr(mstatus, MIE);
    text("ready\n");
    for (;;) {
        __asm__ volatile("wfi");
    }
}
