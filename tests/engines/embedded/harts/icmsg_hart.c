/* Reset, repeat timer and fault recorder of the firmware stubs on a plain hart: see icmsg_hart.h. */
#include "repeat_timer.h"
#include "startup.h"
#include "stats.h"
#include "uarte.h"

#define MTIMECMP_LOW  REG32(CLINT_BASE + 0x4000u)
#define MTIMECMP_HIGH REG32(CLINT_BASE + 0x4004u)
#define MTIME_LOW     REG32(CLINT_BASE + 0xBFF8u)
#define MTIME_HIGH    REG32(CLINT_BASE + 0xBFFCu)

void Reset_Handler(void);
void reset_continued(void);
void fault_record(void);

static uint64_t due;
static uint32_t period;

__attribute__((naked, used, section(".start"))) void Reset_Handler(void)
{
	__asm volatile("la sp, ld_stack_top\n\tj reset_continued");
}

__attribute__((naked, used, aligned(4))) static void exception_entry(void)
{
	__asm volatile("la sp, ld_stack_top\n\tj fault_record");
}

__attribute__((used)) void reset_continued(void)
{
	__asm volatile("csrw mtvec, %0" ::"r"(exception_entry));
	startup_memory();
	main();
	for (;;)
		cpu_sleep();
}

__attribute__((used, noreturn)) void fault_record(void)
{
	uint32_t cause, pc;

	__asm volatile("csrr %0, mcause\n\tcsrr %1, mepc" : "=r"(cause), "=r"(pc));
	icmsg_stats.state = STATE_FAULT;
	icmsg_stats.faults++;
	icmsg_stats.fault_exception = 0x100u + cause;
	icmsg_stats.fault_pc = pc;
	uarte_begin();
	uarte_text("fault: exception ");
	uarte_decimal(0x100u + cause);
	uarte_text(" pc ");
	uarte_hex(pc);
	uarte_end();
	for (;;)
		cpu_sleep();
}

static void set_timer(void)
{
	MTIMECMP_HIGH = 0xFFFFFFFFu;
	MTIMECMP_LOW = (uint32_t)due;
	MTIMECMP_HIGH = (uint32_t)(due >> 32);
}

void repeat_timer_start(uint32_t period_us, uint32_t hz)
{
	period = period_us * (hz / 1000000u);
	due = ((uint64_t)MTIME_HIGH << 32 | MTIME_LOW) + period;
	set_timer();
	irq_enable(HART_TIMER);
}

void repeat_timer_stop(void)
{
	irq_disable(HART_TIMER);
}

bool repeat_timer_expired(void)
{
	uint32_t pending, enabled;

	__asm volatile("csrr %0, mip\n\tcsrr %1, mie" : "=r"(pending), "=r"(enabled));
	if ((pending & enabled & 1u << HART_TIMER) == 0u)
		return false;
	due += period;
	set_timer();
	return true;
}
