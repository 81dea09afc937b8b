/*
 * Mailbox: two channels, one that this side rings and one that it listens to. Programmed as Zephyr's drivers do:
 *
 *   ipc_mbox.c         nRF IPC (nordic,mbox-nrf-ipc), either side
 *   vevif_mbox.c       VEVIF, at the Arm core (nordic,nrf-vevif-task-tx, -event-rx)
 *   vevif_csr_mbox.c   VEVIF, at the VPR (nordic,nrf-vevif-event-tx, -task-rx)
 *   bellboard_mbox.c   bellboards (nordic,nrf-bellboard-tx, -rx), either side
 */
#ifndef MBOX_H
#define MBOX_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sets both channels up. A ring from now on is latched; an earlier one is, or is lost, by the kind of mailbox. Called
 * again it loses none.
 */
void mbox_init(uint32_t tx_channel, uint32_t rx_channel);

/* Lets a ring on the receive channel, also one already latched, wake the core. */
void mbox_enable(void);

/* Rings the peer. Everything written before is visible to it when it wakes. */
void mbox_ring(void);

/* True if the peer has rung since the last acknowledgement. Costs a register read: not needed on the hot path. */
bool mbox_rang(void);

/*
 * Forgets all rings up to now. Call it after waking and before looking at shared memory: a ring that comes later wakes
 * the core again, one that came earlier announced what is about to be seen.
 */
void mbox_acknowledge(void);

/*
 * Stops listening, until mbox_enable(). Call it before each sleep: it forgets what woke the core, but no ring; that
 * stays latched.
 */
void mbox_disable(void);

#endif
