/* VexRiscv's own controller: a mask of 32 inputs before the external interrupt; the UART of LiteX is input 2. */
#include "hart.h"

uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)value;
    if (cause != (INTERRUPT | 11)) {
        line("unexpected", cause);
        return pc;
    }
    line("inputs", read_csr(0xFC0));
    while (!REG(UART + 8)) {
        put((char)REG(UART));
        REG(UART + 0x10) = 2;
    }
    text("\n");
    return pc;
}

int main(void)
{
    write_csr(0xBC0, 1u << 2);
    REG(UART + 0x10) = 3;
    REG(UART + 0x14) = 2;
    __asm__ volatile(".4byte 0x500F"); /* flush the data cache */
    set_csr(mie, EXTERNAL);
    set_csr(mstatus, MIE);
    line("ready, mask", read_csr(0xBC0));
    for (;;) {
        __asm__ volatile("wfi");
    }
}
