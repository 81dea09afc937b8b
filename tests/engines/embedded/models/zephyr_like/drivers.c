/*
 * Clock, RTC1 as a tickless system clock, and UARTE as a console: the registers that Zephyr's drivers access, in the
 * same order (clock_control_nrf, nrf_rtc_timer, uart_nrfx_uarte of Zephyr 4.1).
 */
#include "soc.h"

enum { RC = 1, XTAL = 2 };

#define LFCLKSTART REG(CLOCK + 0x008)
#define LFCLKSTARTED REG(CLOCK + 0x104)
#define CLOCK_INTENSET REG(CLOCK + 0x304)
#define CLOCK_INTENCLR REG(CLOCK + 0x308)
#define LFCLKRUN REG(CLOCK + 0x414)
#define LFCLKSTAT REG(CLOCK + 0x418)
#define LFCLKSRC REG(CLOCK + 0x518)

void clock_isr(void);
void rtc1_isr(void);

void clock_isr(void)
{
	LFCLKSTARTED = 0;
	(void)LFCLKSTARTED;
}

/* In two stages: RC first, which starts fast, then the crystal. Interrupts are off meanwhile. */
void clock_on(void)
{
	if (LFCLKSTAT & 1u << 16 || LFCLKRUN & 1u) {
		fatal("the low-frequency clock was left running");
	}
	LFCLKSRC = RC;
	LFCLKSTARTED = 0;
	LFCLKSTART = 1;
	CLOCK_INTENSET = 2;
	CLOCK_INTENCLR = 2;
	for (;;) {
		uint32_t status = LFCLKSTAT;

		results.lfclk_polls++;
		if (status & 1u << 16) {
			if ((status & 3u) == XTAL) {
				break;
			}
			if (LFCLKSRC == RC && LFCLKSTARTED) {
				LFCLKSTARTED = 0;
				LFCLKSRC = XTAL;
				LFCLKSTART = 1;
			}
		}
	}
	CLOCK_INTENSET = 2;
	NVIC_IPR(CLOCK_IRQ) = 0x20;
	NVIC_ISER = 1u << CLOCK_IRQ;
}

#define COMPARE0 REG(RTC1 + 0x140)
#define OVRFLW REG(RTC1 + 0x104)
#define COUNTER REG(RTC1 + 0x504)
#define CC0 REG(RTC1 + 0x540)
#define ALL_EVENTS 0xF0003u

enum { COUNTER_MAX = 0xFFFFFF, HALF = 0x800000, SOONEST = 3 };

static volatile uint32_t overflows;
static volatile uint32_t expired;

void system_clock_init(void)
{
	REG(RTC1 + 0x308) = ALL_EVENTS; /* INTENCLR */
	REG(RTC1 + 0x348) = ALL_EVENTS; /* EVTENCLR */
	REG(RTC1 + 0x508) = 0;          /* PRESCALER */
	REG(RTC1 + 0x304) = 1u << 16;   /* INTENSET */
	REG(RTC1 + 0x304) = 1u << 1;
	NVIC_ICPR = 1u << RTC1_IRQ;
	NVIC_IPR(RTC1_IRQ) = 0x20;
	NVIC_ISER = 1u << RTC1_IRQ;
	REG(RTC1 + 0x008) = 1; /* CLEAR */
	REG(RTC1 + 0x000) = 1; /* START */
}

uint32_t cycles(void)
{
	return (overflows << 24) + COUNTER;
}

static void set_alarm(uint32_t target)
{
	uint32_t value = target, more = SOONEST;

	REG(RTC1 + 0x348) = 1u << 16;
	COMPARE0 = 0;
	(void)COMPARE0;
	for (;;) {
		CC0 = value & COUNTER_MAX;
		REG(RTC1 + 0x344) = 1u << 16;
		uint32_t now = COUNTER;

		if (((value - now - SOONEST) & COUNTER_MAX) <= HALF - SOONEST || COMPARE0) {
			break;
		}
		value = now + more++; /* too near, or past already */
	}
}

void rtc1_isr(void)
{
	results.wakeups++;
	if (REG(RTC1 + 0x304) & 2u && OVRFLW) {
		OVRFLW = 0;
		overflows++;
	}
	if (REG(RTC1 + 0x304) & 1u << 16 && COMPARE0) {
		COMPARE0 = 0;
		(void)COMPARE0;
		REG(RTC1 + 0x348) = 1u << 16;
		expired = 1;
	}
}

/* The idle thread's part: interrupts are masked by BASEPRI, then by PRIMASK for the moment of going to sleep. */
void sleep_until(uint32_t cycle)
{
	uint32_t masked = 0x20;

	__asm__ volatile("msr basepri, %0\n isb" ::"r"(masked) : "memory");
	expired = 0;
	set_alarm(cycle);
	while (!expired) {
		__asm__ volatile("cpsid i\n msr basepri, %0\n dsb\n wfi\n cpsie i\n isb\n msr basepri, %1\n isb" ::"r"(0),
				 "r"(masked)
				 : "memory");
	}
	__asm__ volatile("msr basepri, %0\n isb" ::"r"(0) : "memory");
}

#define TXSTOPPED REG(UARTE0 + 0x158)
#define ENDTX REG(UARTE0 + 0x120)

/* The end of a transfer stops the transmitter by DPPI channel 0. */
void console_init(void)
{
	REG(UARTE0 + 0x524) = 0x01D60000u; /* 115200 Bd */
	REG(UARTE0 + 0x56C) = 0;
	REG(UARTE0 + 0x1A0) = 1u << 31; /* PUBLISH_ENDTX */
	REG(UARTE0 + 0x08C) = 1u << 31; /* SUBSCRIBE_STOPTX */
	REG(DPPIC + 0x504) = 1u;
	REG(UARTE0 + 0x500) = 8;
}

static void put(const char *from, uint32_t length)
{
	TXSTOPPED = 0;
	ENDTX = 0;
	REG(UARTE0 + 0x544) = (uint32_t)(uintptr_t)from;
	REG(UARTE0 + 0x548) = length;
	REG(UARTE0 + 0x008) = 1;
	while (!TXSTOPPED) {
	}
}

void print(const char *text)
{
	static char line[64];
	uint32_t length = 0;

	while (text[length]) {
		line[length] = text[length];
		length++;
	}
	line[length++] = '\n';
	put(line, length);
}

void fatal(const char *text)
{
	print(text);
	for (;;) {
	}
}
