#include "barrier.h"
#include "mbox.h"
#include "soc.h"

/* VPR peripheral: task n rings the VPR, event n this core. */
#define VPR_TASKS_TRIGGER(n)    REG32(VPR_BASE + 0x000u + 4u * (n))
#define VPR_EVENTS_TRIGGERED(n) REG32(VPR_BASE + 0x100u + 4u * (n))
#define VPR_INTENSET            REG32(VPR_BASE + 0x304u)

static volatile uint32_t *task;
static volatile uint32_t *event;

/*
 * Of an event only the rising edge counts: a VPR with the work-around for erratum 16 clears the event itself, at once.
 * So from here on each edge is latched in the NVIC, which is where a ring waits while nobody listens. An event that
 * is set already becomes an edge by INTENSET, and is cleared so that the next ring is one.
 */
void mbox_init(uint32_t tx_channel, uint32_t rx_channel)
{
	task = &VPR_TASKS_TRIGGER(tx_channel);
	event = &VPR_EVENTS_TRIGGERED(rx_channel);
	VPR_INTENSET = 1u << rx_channel;
	*event = 0;
}

void mbox_enable(void)
{
	irq_enable(VPR_IRQN);
}

void mbox_ring(void)
{
	barrier();
	*task = 1;
}

bool mbox_rang(void)
{
	return irq_is_pending(VPR_IRQN);
}

/*
 * First the NVIC's latch, as exception entry would, then the event, as the ISR would: after it the next ring is an
 * edge. The other way round an edge between the two writes would be forgotten while its event stays.
 */
void mbox_acknowledge(void)
{
	irq_clear(VPR_IRQN);
	*event = 0;
	barrier();
}

void mbox_disable(void)
{
	irq_disable(VPR_IRQN);
	barrier();
}
