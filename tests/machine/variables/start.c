/* Start-up of both architectures. */
#include <stdint.h>

extern uint32_t data_start, data_end, data_load, bss_start, bss_end;
int main(void);
void start(void) __attribute__((noreturn, used));

void start(void)
{
    volatile uint32_t *to = &data_start;
    for (const uint32_t *from = &data_load; to < &data_end;) *to++ = *from++;
    for (to = &bss_start; to < &bss_end;) *to++ = 0;
    main();
    for (;;) { }
}

#ifdef __riscv
__asm__(".section .start,\"ax\"\n.globl reset\nreset: lui sp, %hi(stack_top)\n addi sp, sp, %lo(stack_top)\n j start\n");
#else
extern uint32_t stack_top;
__attribute__((section(".start"), used)) void *const vectors[16] = {&stack_top, (void *)start};
#endif
