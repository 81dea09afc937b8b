/*
 * Reset, vector table, sleeping, fault recorder, for a VPR.
 *
 * These programs do all work in line, as on Armv8-M (startup.c), but a VPR only wakes from WFI with MIE set, so the
 * interrupt is taken. It is let in for the length of one WFI, in cpu_sleep(), and all it does is to return behind that
 * WFI. If it comes just before, the core does not fall asleep over it: no wake-up can be lost, and there is no state
 * between thread and handler.
 *
 * The hardware stacks for an interrupt, from the lowest address: ra, t2, t1, t0, a5 to a0, mcause, mepc, and for an
 * exception only mcause and mepc; mret unstacks. Bit 0 of the stacked mepc is not of the address: it says that the
 * stack pointer was not aligned to 8. (Zephyr: soc/nordic/common/vpr/soc_isr_stacking.h, bus width 32.)
 */
#include "startup.h"
#include "stats.h"
#include "uarte.h"

#define FAULT_EXCEPTION_BASE 0x100u	/* in icmsg_stats: exception numbers of a VPR lie above those of Armv8-M */
#define MCAUSE_CODE 0xFFFu
#define VECTORS (FIRST_INTERRUPT_CODE + INTERRUPTS)
#define EXCEPTION_WORDS 2u		/* mcause, mepc */
#define MEPC_OF_INTERRUPT 44

void Reset_Handler(void);
void reset_continued(void);
void fault_record(const uint32_t *stack, uint32_t ra);

/* The recorder gets a stack of its own: the fault may be that the ordinary one is gone. */
__attribute__((used, section(".noinit"), aligned(8))) uint32_t fault_stack[FAULT_STACK_WORDS];

__attribute__((naked)) void cpu_sleep(void)
{
	__asm volatile("fence iorw, iorw\n\t"
		       "csrsi mstatus, 8\n\t"	/* MIE */
		       "wfi\n"
		       "cpu_awake:\n\t"
		       "csrci mstatus, 8\n\t"
		       "ret");
}

__attribute__((naked, used, aligned(4))) static void interrupt_entry(void)
{
	__asm volatile("la   t0, cpu_awake\n\t"
		       "lw   t1, %0(sp)\n\t"
		       "andi t1, t1, 1\n\t"
		       "or   t0, t0, t1\n\t"
		       "sw   t0, %0(sp)\n\t"
		       "mret" ::"i"(MEPC_OF_INTERRUPT));
}

__attribute__((naked, used, aligned(64))) static void exception_entry(void)
{
	__asm volatile("mv   a0, sp\n\t"
		       "mv   a1, ra\n\t"
		       "la   sp, fault_stack + %0\n\t"
		       "j    fault_record" ::"i"(sizeof(fault_stack)));
}

__attribute__((used, section(".vectors"), aligned(64))) const vector vectors[VECTORS] = {
	[0 ... VECTORS - 1] = interrupt_entry,
};

/* The first instruction of the image: where the application core starts it. */
__attribute__((naked, used, section(".start"))) void Reset_Handler(void)
{
	__asm volatile("csrci mstatus, 8\n\t"
		       "la    sp, ld_stack_top\n\t"
		       "j     reset_continued");
}

__attribute__((used)) void reset_continued(void)
{
	CSR_WRITE(mtvec, exception_entry);
	CSR_WRITE(CSR_MTVT, vectors);
	startup_memory();
	/* As Zephyr does at start; the VEVIF is one of these peripherals. */
	CSR_WRITE(CSR_VPRNORDICCTRL, CSR_READ(CSR_VPRNORDICCTRL) | VPRNORDICCTRL_KEY | VPRNORDICCTRL_ENABLERTPERIPH);
	main();
	for (;;)
		cpu_sleep();
}

/* Runs on fault_stack. Records what happened where a debugger or a host finds it, says so, stops. */
__attribute__((used, noreturn)) void fault_record(const uint32_t *stack, uint32_t ra)
{
	struct icmsg_stats *s = &icmsg_stats;

	s->state = STATE_FAULT;
	s->faults++;
	s->cfsr = CSR_READ(mcause);
	s->fault_exception = FAULT_EXCEPTION_BASE + (s->cfsr & MCAUSE_CODE);
	s->fault_address = CSR_READ(mtval);
	s->fault_lr = ra;
	if (stack_is_readable(stack, EXCEPTION_WORDS * sizeof(uint32_t)))
		s->fault_pc = stack[1] & ~1u;

	uarte_begin();
	uarte_text("fault: exception ");
	uarte_decimal(s->fault_exception);
	uarte_text(" pc ");
	uarte_hex(s->fault_pc);
	uarte_text(" mcause ");
	uarte_hex(s->cfsr);
	uarte_text(" mtval ");
	uarte_hex(s->fault_address);
	uarte_end();
	for (;;)
		cpu_sleep();
}
