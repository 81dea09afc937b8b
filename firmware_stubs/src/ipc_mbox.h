/*
 * Mailbox on the nRF IPC peripheral: channel n = TASKS_SEND[n] / EVENTS_RECEIVE[n] on backbone channel n, as Zephyr's
 * driver (nordic,mbox-nrf-ipc) programs it. Two channels: one that this side rings, one that it listens to.
 */
#ifndef IPC_MBOX_H
#define IPC_MBOX_H

#include <stdbool.h>
#include <stdint.h>

/* Joins both channels to the backbone. A ring from now on is latched; an earlier one was lost, as on any nRF IPC. */
void ipc_mbox_init(uint32_t tx_channel, uint32_t rx_channel);

/* Lets a ring on the receive channel, also one already latched, wake the core. */
void ipc_mbox_enable(void);

/* Rings the peer. Everything written before is visible to it when it wakes. */
void ipc_mbox_ring(void);

/* True if the peer has rung since the last acknowledgement. Costs a register read: not needed on the hot path. */
bool ipc_mbox_rang(void);

/*
 * Forgets all rings up to now. Call it after waking and before looking at shared memory: a ring that comes later wakes
 * the core again, one that came earlier announced what is about to be seen.
 */
void ipc_mbox_acknowledge(void);

/*
 * Stops listening, until ipc_mbox_enable(). Call it before each sleep: it forgets what woke the core, but no ring; that
 * stays latched.
 */
void ipc_mbox_disable(void);

#endif
