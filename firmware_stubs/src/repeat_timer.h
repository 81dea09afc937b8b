/*
 * A periodic wake-up: for repeating the bonding ring, for looking again for room in a full region (a reader frees room
 * without ringing), and for looking at icmsg_command while the link is closed. Off in the steady state, where only
 * doorbells wake the core. By SysTick (systick_timer.c), or where there is a GRTC by that (grtc_timer.c).
 */
#ifndef REPEAT_TIMER_H
#define REPEAT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "soc.h"

#ifdef GRTC_BASE
#define REPEAT_TIMER_TICKS_MAX 0x7FFFFFFFu
#else
#define REPEAT_TIMER_TICKS_MAX 0x00FFFFFFu
#endif

/* period_us * (hz / 1000000) is at most REPEAT_TIMER_TICKS_MAX; hz is what the timer counts, at least 1 MHz. */
void repeat_timer_start(uint32_t period_us, uint32_t hz);

void repeat_timer_stop(void);

/* True once per expiry. Call it after waking, before mbox_acknowledge(). */
bool repeat_timer_expired(void);

#endif
