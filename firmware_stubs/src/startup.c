/*
 * Reset, vector table, fault recorder, for Armv8-M.
 *
 * These programs never take an interrupt. PRIMASK is set first thing after reset and stays set; a core sleeps in WFI,
 * which wakes on a *pending* interrupt, and handles it in line. Compared with an ISR this saves an exception entry and
 * return per message (stacking, unstacking and two pipeline refills on silicon; by far the dearest step on an
 * emulator) and there is no shared state between thread and handler, hence no race to think about. The price is one
 * write that exception entry would have done by itself: clearing the pending bit in the NVIC (as in ipc_mbox.c).
 * Faults are not masked by PRIMASK. They escalate to HardFault and end in fault_record().
 */
#include <stdint.h>

#include "startup.h"
#include "stats.h"
#include "uarte.h"

#define FRAME_WORDS 8u		/* r0-r3, r12, lr, pc, xPSR */

void Reset_Handler(void);
void fault_record(const uint32_t *frame);

/* The recorder gets a stack of its own: the fault may be that the ordinary one is gone. */
__attribute__((used, section(".noinit"), aligned(8))) uint32_t fault_stack[FAULT_STACK_WORDS];

__attribute__((naked, used)) static void fault_entry(void)
{
	__asm volatile("mrs  r0, msp\n\t"	/* the exception frame: these programs run on MSP only */
		       "movw r1, #:lower16:fault_stack + %c0\n\t"
		       "movt r1, #:upper16:fault_stack + %c0\n\t"
		       "msr  msp, r1\n\t"
		       "b    fault_record" ::"i"(sizeof(fault_stack)));
}

__attribute__((used, section(".vectors"))) const vector vectors[16u + INTERRUPTS] = {
	[0] = (vector)ld_stack_top,
	[1] = Reset_Handler,
	[2 ... 15 + INTERRUPTS] = fault_entry,
};

void Reset_Handler(void)
{
	__asm volatile("cpsid i" ::: "memory");
	SCB_VTOR = (uint32_t)(uintptr_t)vectors;
	startup_memory();
#ifdef STARTS_PEER
	start_peer();
#endif
	main();
	for (;;)
		cpu_sleep();
}

/* Runs in HardFault, on fault_stack. Records what happened where a debugger or a host finds it, says so, stops. */
__attribute__((used, noreturn)) void fault_record(const uint32_t *frame)
{
	struct icmsg_stats *s = &icmsg_stats;
	uint32_t exception;

	__asm volatile("mrs %0, ipsr" : "=r"(exception));
	s->state = STATE_FAULT;
	s->faults++;
	s->fault_exception = exception;
	s->cfsr = SCB_CFSR;
	s->hfsr = SCB_HFSR;
	if (s->cfsr & SCB_CFSR_BFARVALID)
		s->fault_address = SCB_BFAR;
	else if (s->cfsr & SCB_CFSR_MMARVALID)
		s->fault_address = SCB_MMFAR;
	if (stack_is_readable(frame, FRAME_WORDS * sizeof(uint32_t))) {
		s->fault_lr = frame[5];
		s->fault_pc = frame[6];
	}

	uarte_begin();
	uarte_text("fault: exception ");
	uarte_decimal(exception);
	uarte_text(" pc ");
	uarte_hex(s->fault_pc);
	uarte_text(" cfsr ");
	uarte_hex(s->cfsr);
	uarte_text(" hfsr ");
	uarte_hex(s->hfsr);
	uarte_end();
	for (;;)
		cpu_sleep();
}
