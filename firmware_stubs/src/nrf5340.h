/*
 * nRF5340, for the application core or (-DCORE_NET) the network core; both have a Cortex-M33.
 *
 * Source: nRF5340 Product Specification (memory map, interrupt list, IPC, SPU, RESET). Peripheral addresses are the
 * secure aliases: both cores run Secure here.
 */
#ifndef NRF5340_H
#define NRF5340_H

#ifdef CORE_NET
#define RAM_BASE  0x21000000u
#define RAM_END   0x21010000u
#define IPC_BASE  0x41012000u
#define IPC_IRQN  18u
#define UARTE_BASE 0x41013000u
#define TX_REGION 0x20078000u
#define RX_REGION 0x20070000u
#define TX_CHANNEL 1u
#define RX_CHANNEL 0u
#define TX_BLOCKS 18u
#define RX_BLOCKS 16u
#else
#define RAM_BASE  0x20000000u
#define RAM_END   0x20070000u	/* the next 64 KiB are the SRAM shared with the network core */
#define IPC_BASE  0x5002A000u
#define IPC_IRQN  42u
#define UARTE_BASE 0x50008000u
#define TX_REGION 0x20070000u
#define RX_REGION 0x20078000u
#define TX_CHANNEL 0u
#define RX_CHANNEL 1u

/* SPU and RESET of the application core: which accesses the network core may make, and whether it may run. */
#define SPU_EXTDOMAIN_PERM(n)        REG32(0x50003440u + 4u * (n))
#define SPU_EXTDOMAIN_SECURE         (1u << 4)
#define RESET_NETWORK_FORCEOFF       REG32(0x50005614u)
#define RESET_NETWORK_FORCEOFF_RELEASE 0u

#define STARTS_PEER

/* As Zephyr's start-up does: the network core's accesses count as secure ones, and it is let go. */
static inline void start_peer(void)
{
	SPU_EXTDOMAIN_PERM(0) = SPU_EXTDOMAIN_SECURE;
	RESET_NETWORK_FORCEOFF = RESET_NETWORK_FORCEOFF_RELEASE;
}
#endif

#define REGION_SIZE 0x800u
#define SYSTICK_HZ 64000000u	/* both cores start at 64 MHz; the application core at 128 only if HFCLKCTRL says so */

#endif
