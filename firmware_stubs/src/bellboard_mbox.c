#include "barrier.h"
#include "mbox.h"
#include "soc.h"

/* A bellboard belongs to the core that hears it: 32 channels; interrupt group 0 lets through what is enabled in it. */
#define PEER_TASKS_TRIGGER(n)         REG32(BELLBOARD_PEER_BASE + 0x000u + 4u * (n))
#define BELLBOARD_EVENTS_TRIGGERED(n) REG32(BELLBOARD_BASE + 0x100u + 4u * (n))
#define BELLBOARD_INTENSET0           REG32(BELLBOARD_BASE + 0x304u)
#define BELLBOARD_INTENCLR0           REG32(BELLBOARD_BASE + 0x308u)

static volatile uint32_t *peer_task;
static volatile uint32_t *event;
static uint32_t receive_bit;

/* No ring is lost: an event is latched, whoever listens. */
void mbox_init(uint32_t tx_channel, uint32_t rx_channel)
{
	peer_task = &PEER_TASKS_TRIGGER(tx_channel);
	event = &BELLBOARD_EVENTS_TRIGGERED(rx_channel);
	receive_bit = 1u << rx_channel;
}

void mbox_enable(void)
{
	BELLBOARD_INTENSET0 = receive_bit;
	irq_enable(BELLBOARD_IRQN);
}

void mbox_ring(void)
{
	barrier();
	*peer_task = 1;
}

bool mbox_rang(void)
{
	return *event != 0u;
}

/* As on the nRF IPC: the event, which lowers the line, then the NVIC's latch. */
void mbox_acknowledge(void)
{
	*event = 0;
	irq_clear(BELLBOARD_IRQN);
	barrier();
}

void mbox_disable(void)
{
	BELLBOARD_INTENCLR0 = receive_bit;
	irq_clear(BELLBOARD_IRQN);
	barrier();
}
