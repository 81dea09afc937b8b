/* Makes the exceptions that a program can make, and says what the hart has in its registers then. */
#include "hart.h"

uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value)
{
    line("mcause", cause);
    line("  mtval", value);
    line("  mstatus", read_csr(mstatus));
    if (cause == 8) {
        set_csr(mstatus, 3u << 11); /* back to machine mode */
    }
    return pc + ((*(uint16_t *)pc & 3) == 3 ? 4 : 2);
}

int main(void)
{
    line("mhartid", read_csr(mhartid));
    set_csr(mstatus, MIE);
    __asm__ volatile("ecall");
    __asm__ volatile(".4byte 0xFFFFFFFF");
    __asm__ volatile("csrr zero, 0x7FF");
    __asm__ volatile("csrw 0xF14, zero");
    line("mstatus", read_csr(mstatus));
    clear_csr(mstatus, 3u << 11);
    write_csr(mepc, (uint32_t)&&user);
    __asm__ goto("mret" : : : "memory" : user);
user:
    __asm__ volatile("csrr zero, mscratch"); /* user mode must not */
    __asm__ volatile("ecall");
    write_csr(mscratch, 0x12345678);
    line("mscratch", read_csr(mscratch));
    return 0;
}
