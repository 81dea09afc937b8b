#include "repeat_timer.h"

/* GRTC: one counter of 1 MHz for all cores; each has compare channels of its own and an interrupt group. */
#define GRTC_TASKS_START    REG32(GRTC_BASE + 0x060u)
#define GRTC_EVENTS_COMPARE REG32(GRTC_BASE + 0x100u + 4u * GRTC_CHANNEL)
#define GRTC_INTENSET       REG32(GRTC_BASE + 0x304u + 0x10u * GRTC_GROUP)
#define GRTC_INTENCLR       REG32(GRTC_BASE + 0x308u + 0x10u * GRTC_GROUP)
#define GRTC_MODE           REG32(GRTC_BASE + 0x510u)
#define GRTC_CC_CCADD       REG32(GRTC_BASE + 0x528u + 0x10u * GRTC_CHANNEL)
#define GRTC_CC_CCEN        REG32(GRTC_BASE + 0x52Cu + 0x10u * GRTC_CHANNEL)
#define GRTC_MODE_SYSCOUNTEREN (1u << 1)

static uint32_t period;

/* Compares once, that many ticks from now: bit 31, the reference, is 0. */
static void compare_again(void)
{
	GRTC_CC_CCADD = period;
}

/* The counter may not run yet, if this is the first core to use it. */
void repeat_timer_start(uint32_t period_us, uint32_t hz)
{
	period = period_us * (hz / 1000000u);
	if ((GRTC_MODE & GRTC_MODE_SYSCOUNTEREN) == 0u) {
		GRTC_TASKS_START = 1;
		GRTC_MODE |= GRTC_MODE_SYSCOUNTEREN;
	}
	GRTC_EVENTS_COMPARE = 0;
	GRTC_INTENSET = 1u << GRTC_CHANNEL;
	irq_enable(GRTC_IRQN);
	compare_again();
}

void repeat_timer_stop(void)
{
	GRTC_CC_CCEN = 0;
	GRTC_INTENCLR = 1u << GRTC_CHANNEL;
	GRTC_EVENTS_COMPARE = 0;
	irq_clear(GRTC_IRQN);
}

/* The event, which lowers the line, then what the interrupt controller has latched of it; see systick_timer.c. */
bool repeat_timer_expired(void)
{
	if (GRTC_EVENTS_COMPARE == 0u)
		return false;
	GRTC_EVENTS_COMPARE = 0;
	irq_clear(GRTC_IRQN);
	compare_again();
	return true;
}
