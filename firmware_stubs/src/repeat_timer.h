/*
 * A periodic wake-up by SysTick: for repeating the bonding ring, for looking again for room in a full region (a reader
 * frees room without ringing), and for looking at icmsg_command while the link is closed. Off in the steady state,
 * where only doorbells wake the core.
 */
#ifndef REPEAT_TIMER_H
#define REPEAT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/* period_us * (hz / 1000000) is at most 2^24 - 1; hz is the core clock, at least 1 MHz. */
void repeat_timer_start(uint32_t period_us, uint32_t hz);

void repeat_timer_stop(void);

/* True once per expiry. Call it after waking, before ipc_mbox_acknowledge(). */
bool repeat_timer_expired(void);

#endif
