/*
 * The core that a program is built for: its SoC's facts, then what its instruction set brings.
 *
 * SOC_HEADER names the SoC's header; without it it is that of the nRF5340. A header says, for the core:
 *
 *   RAM_BASE, RAM_END                      where a stack may be
 *   UARTE_BASE                             console; UARTE_HAS_DMA_BLOCK: registers as on the nRF54
 *   TX_REGION, RX_REGION, REGION_SIZE      defaults of icmsg_params, likewise the next two lines
 *   TX_CHANNEL, RX_CHANNEL                 and DCACHE_ALIGNMENT, if it is not 0
 *   TX_BLOCKS, RX_BLOCKS                   likewise for ICBMsg, if they are not 16 and 18, and
 *   ICBMSG_DCACHE_ALIGNMENT                if it is not DCACHE_ALIGNMENT
 *   SYSTICK_HZ                             clock of the repeat timer
 *   IPC_..., VPR_..., BELLBOARD_...        what the mailbox that is linked needs
 *   IS_TX_CHANNEL(n), IS_RX_CHANNEL(n)     channels that are wired, if they are not 0 to 15
 *   GRTC_...                               if that is the repeat timer, not SysTick
 *   INTERRUPTS                             entries of the vector table, if it is not the nRF5340's number
 *   DMA_BUFFER                             attribute of what EasyDMA reads, if it cannot read all RAM
 *   STARTS_PEER                            if the core has a function start_peer(), called before main()
 */
#ifndef SOC_H
#define SOC_H

#include <stdbool.h>
#include <stdint.h>

#define REG32(address) (*(volatile uint32_t *)(uintptr_t)(address))

#ifdef SOC_HEADER
#include SOC_HEADER
#else
#include "nrf5340.h"
#endif

#ifndef IS_TX_CHANNEL
#define IS_TX_CHANNEL(n) ((n) < 16u)
#define IS_RX_CHANNEL(n) ((n) < 16u)
#endif
#ifndef DCACHE_ALIGNMENT
#define DCACHE_ALIGNMENT 0u
#endif
#ifndef TX_BLOCKS
#define TX_BLOCKS 16u
#define RX_BLOCKS 18u
#endif
#ifndef ICBMSG_DCACHE_ALIGNMENT
#define ICBMSG_DCACHE_ALIGNMENT DCACHE_ALIGNMENT
#endif
#ifndef INTERRUPTS
#define INTERRUPTS 69u		/* the nRF5340's application core has 69, its network core fewer */
#endif
#ifndef DMA_BUFFER
#define DMA_BUFFER
#endif

#ifdef __riscv
#include "vpr.h"
#else
#include "armv8m.h"
#endif

#endif
