#include "ipc_mbox.h"

#include "nrf5340.h"

static volatile uint32_t *send_task;
static volatile uint32_t *receive_event;
static uint32_t receive_bit;

void ipc_mbox_init(uint32_t tx_channel, uint32_t rx_channel)
{
	send_task = &IPC_TASKS_SEND(tx_channel);
	receive_event = &IPC_EVENTS_RECEIVE(rx_channel);
	receive_bit = 1u << rx_channel;
	IPC_SEND_CNF(tx_channel) = 1u << tx_channel;
	IPC_RECEIVE_CNF(rx_channel) = receive_bit;
}

void ipc_mbox_enable(void)
{
	IPC_INTENSET = receive_bit;
	NVIC_ISER(IPC_IRQN) = NVIC_BIT(IPC_IRQN);
}

void ipc_mbox_ring(void)
{
	cpu_dmb();
	*send_task = 1;
}

bool ipc_mbox_rang(void)
{
	return *receive_event != 0u;
}

/*
 * Two writes, no read. INTPEND need not be looked at: only one channel is enabled, so it is the one that rang.
 * First the event, which lowers the level interrupt line, then the NVIC's latch, which exception entry would have
 * cleared. Should the write to the event still be on its way when the latch is cleared, the line pends it once more:
 * the core wakes for nothing, finds nothing and sleeps again.
 */
void ipc_mbox_acknowledge(void)
{
	*receive_event = 0;
	NVIC_ICPR(IPC_IRQN) = NVIC_BIT(IPC_IRQN);
	cpu_dmb();
}

/* The write to the NVIC is also what lets Renode up to 1.16.1 sleep again, see repeat_timer_expired(). */
void ipc_mbox_disable(void)
{
	IPC_INTENCLR = receive_bit;
	NVIC_ICPR(IPC_IRQN) = NVIC_BIT(IPC_IRQN);
	cpu_dmb();
}
