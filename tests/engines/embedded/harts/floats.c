/* Computes with floating-point registers; they are off when mstatus.FS is, and dirty after they were written. */
#include "hart.h"

static uint32_t traps;

uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)value;
    if (cause != 2) {
        line("unexpected", cause);
    }
    traps++;
    set_csr(mstatus, 1u << 13);
    return pc;
}

static float __attribute__((noinline)) half(float value)
{
    return value / 2.0f;
}

int main(void)
{
    clear_csr(mstatus, 3u << 13);
    volatile float value = 3.0f;
    value = half(value);
    line("traps", traps);
    line("mstatus.FS", read_csr(mstatus) >> 13 & 3);
    line("1000 halves", (uint32_t)(value * 1000.0f));
    line("misa", read_csr(misa));
    write_csr(fcsr, 0);
    value = half(1.0f / 3.0f);
    line("fflags", read_csr(fflags));
    return 0;
}
