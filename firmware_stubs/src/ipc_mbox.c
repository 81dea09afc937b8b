#include "barrier.h"
#include "mbox.h"
#include "soc.h"

/* IPC: 16 channels on one backbone between the cores; channel n here is TASKS_SEND[n], n on it, EVENTS_RECEIVE[n]. */
#define IPC_TASKS_SEND(n)     REG32(IPC_BASE + 0x000u + 4u * (n))
#define IPC_EVENTS_RECEIVE(n) REG32(IPC_BASE + 0x100u + 4u * (n))
#define IPC_INTENSET          REG32(IPC_BASE + 0x304u)
#define IPC_INTENCLR          REG32(IPC_BASE + 0x308u)
#define IPC_SEND_CNF(n)       REG32(IPC_BASE + 0x510u + 4u * (n))
#define IPC_RECEIVE_CNF(n)    REG32(IPC_BASE + 0x590u + 4u * (n))

static volatile uint32_t *send_task;
static volatile uint32_t *receive_event;
static uint32_t receive_bit;

/* A ring before the channels are joined to the backbone is lost. */
void mbox_init(uint32_t tx_channel, uint32_t rx_channel)
{
	send_task = &IPC_TASKS_SEND(tx_channel);
	receive_event = &IPC_EVENTS_RECEIVE(rx_channel);
	receive_bit = 1u << rx_channel;
	IPC_SEND_CNF(tx_channel) = 1u << tx_channel;
	IPC_RECEIVE_CNF(rx_channel) = receive_bit;
}

void mbox_enable(void)
{
	IPC_INTENSET = receive_bit;
	irq_enable(IPC_IRQN);
}

void mbox_ring(void)
{
	barrier();
	*send_task = 1;
}

bool mbox_rang(void)
{
	return *receive_event != 0u;
}

/*
 * Two writes, no read. INTPEND need not be looked at: only one channel is enabled, so it is the one that rang.
 * First the event, which lowers the level interrupt line, then the NVIC's latch, which exception entry would have
 * cleared. Should the write to the event still be on its way when the latch is cleared, the line pends it once more:
 * the core wakes for nothing, finds nothing and sleeps again.
 */
void mbox_acknowledge(void)
{
	*receive_event = 0;
	irq_clear(IPC_IRQN);
	barrier();
}

/* The write to the NVIC is also what lets Renode up to 1.16.1 sleep again, see repeat_timer_expired(). */
void mbox_disable(void)
{
	IPC_INTENCLR = receive_bit;
	irq_clear(IPC_IRQN);
	barrier();
}
