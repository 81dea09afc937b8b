#include "barrier.h"
#include "mbox.h"
#include "soc.h"

static uint32_t transmit_bit;
static uint32_t receive_irq;	/* task n is CLIC interrupt n */
static uint32_t receive_bit;

/* As Zephyr's driver: a task that was triggered before is forgotten here. What the CLIC has latched of it stays. */
void mbox_init(uint32_t tx_channel, uint32_t rx_channel)
{
	transmit_bit = 1u << tx_channel;
	receive_irq = rx_channel;
	receive_bit = 1u << rx_channel;
	CSR_CLEAR(CSR_VEVIF_TASKS, receive_bit);
}

/* irq_enable() reads and writes the latch, too: the task tells whether a ring came between. */
void mbox_enable(void)
{
	irq_enable(receive_irq);
	if (mbox_rang())
		irq_set(receive_irq);
}

void mbox_ring(void)
{
	barrier();
	CSR_SET(CSR_VEVIF_EVENTS, transmit_bit);
#ifdef VEVIF_ERRATUM_16
	while ((CSR_READ(CSR_VEVIF_EVENTS) & transmit_bit) == 0u)
		;
	CSR_WRITE(CSR_VEVIF_EVENTS, 0u);
#endif
}

bool mbox_rang(void)
{
	return (CSR_READ(CSR_VEVIF_TASKS) & receive_bit) != 0u;
}

/* The CLIC has forgotten its edge when it was taken; the next ring is one when the task is cleared. */
void mbox_acknowledge(void)
{
	CSR_CLEAR(CSR_VEVIF_TASKS, receive_bit);
	barrier();
}

void mbox_disable(void)
{
	irq_disable(receive_irq);
	barrier();
}
