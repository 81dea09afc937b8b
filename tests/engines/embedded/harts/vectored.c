/* Has a handler for each interrupt: mtvec is a table of jumps. */
#include "hart.h"

static volatile uint32_t came;

uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)value;
    line("exception", cause);
    return pc + 4;
}

static void __attribute__((interrupt)) on_software(void)
{
    MSIP(0) = 0;
    line("software", read_csr(mcause));
    came |= SOFTWARE;
}

static void __attribute__((interrupt)) on_timer(void)
{
    clear_csr(mie, TIMER);
    line("timer", read_csr(mcause));
    came |= TIMER;
}

static void __attribute__((naked, aligned(256))) table(void)
{
    __asm__ volatile(".option push\n.option norvc\n"
                     "j on_trap\n.4byte 0\n.4byte 0\nj %0\n.4byte 0\n.4byte 0\n.4byte 0\nj %1\n"
                     ".option pop" ::"i"(on_software), "i"(on_timer));
}

int main(void)
{
    write_csr(mtvec, (uint32_t)table | 1);
    set_csr(mie, SOFTWARE | TIMER);
    REG(MTIMECMP(0)) = 0; /* both are pending: the software interrupt comes first */
    REG(MTIMECMP(0) + 4) = 0;
    MSIP(0) = 1;
    set_csr(mstatus, MIE);
    while (came != (SOFTWARE | TIMER)) {
        __asm__ volatile("wfi");
    }
    __asm__ volatile("ecall");
    text("done\n");
    return 0;
}
