#include "repeat_timer.h"

void repeat_timer_start(uint32_t period_us, uint32_t hz)
{
	SYST_RVR = period_us * (hz / 1000000u) - 1u;
	SYST_CVR = 0;	/* any write clears the counter, it reloads from RVR */
	SYST_CSR = SYST_CSR_RUN;
}

void repeat_timer_stop(void)
{
	SYST_CSR = 0;
	SCB_ICSR = SCB_ICSR_PENDSTCLR;
}

/*
 * The exception never runs, it only wakes WFI; so its pending bit is cleared here. Before the NVIC write of
 * mbox_acknowledge(), because Renode up to 1.16.1 works out again whether WFI may sleep only on that write.
 */
bool repeat_timer_expired(void)
{
	if ((SYST_CSR & SYST_CSR_COUNTFLAG) == 0u)
		return false;
	SCB_ICSR = SCB_ICSR_PENDSTCLR;
	return true;
}
