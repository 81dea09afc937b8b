/*
 * nRF54L15, for the application core (Cortex-M33) or (-DCORE_FLPR) the fast lightweight peripheral processor, a VPR
 * (RISC-V). Between them is the VPR peripheral: its tasks ring the FLPR, its events ring the application core.
 *
 * Source: nRF54L15 SVD in Nordic's MDK (addresses, registers, interrupts), Zephyr's board nrf54l15dk and its ICMsg
 * sample (memories, regions, channels, GRTC channels). Peripheral addresses are the secure aliases: both cores run
 * Secure here.
 */
#ifndef NRF54L15_H
#define NRF54L15_H

#define VPR_BASE        0x5004C000u
#define IS_VPR_TASK(n)  ((n) >= 16u && (n) <= 22u)
#define IS_VPR_EVENT(n) ((n) == 20u)

#define FLPR_ENTRY 0x20028000u	/* where nrf54l15-flpr.ld puts Reset_Handler */

#ifdef CORE_FLPR
#define RAM_BASE  0x2002C000u
#define RAM_END   0x2003FE00u	/* the last 512 bytes are for what a VPR saves in hibernation */
#define UARTE_BASE 0x50104000u	/* UARTE30 */
#define TX_REGION 0x20018000u
#define RX_REGION 0x20020000u
#define TX_CHANNEL 20u
#define RX_CHANNEL 21u
#define TX_BLOCKS 18u
#define RX_BLOCKS 16u
#define IS_TX_CHANNEL(n) IS_VPR_EVENT(n)
#define IS_RX_CHANNEL(n) IS_VPR_TASK(n)
#define GRTC_GROUP 0u
#define GRTC_IRQN  226u
#define GRTC_CHANNEL 3u
/* Work-around, as Zephyr since 4.1 has it on for this SoC. Without it an event stays until its receiver clears it. */
#define VEVIF_ERRATUM_16 1
#else
#define RAM_BASE  0x20000000u
#define RAM_END   0x20018000u	/* then the regions, then the FLPR's memory */
#define VPR_IRQN  76u
#define UARTE_BASE 0x500C6000u	/* UARTE20 */
#define TX_REGION 0x20020000u
#define RX_REGION 0x20018000u
#define TX_CHANNEL 21u
#define RX_CHANNEL 20u
#define IS_TX_CHANNEL(n) IS_VPR_TASK(n)
#define IS_RX_CHANNEL(n) IS_VPR_EVENT(n)
#define GRTC_GROUP 2u
#define GRTC_IRQN  228u
#define GRTC_CHANNEL 1u

#define SPU00_PERIPH_PERM(address) REG32(0x50040500u + 4u * (((address) >> 12) & 0x3Fu))
#define SPU_PERIPH_PERM_SECATTR (1u << 4)
#define VPR_CPURUN              REG32(VPR_BASE + 0x800u)
#define VPR_INITPC              REG32(VPR_BASE + 0x808u)

#define STARTS_PEER

/* As Zephyr's launcher does: the FLPR's accesses count as secure ones, and it runs. Its image is where it runs. */
static inline void start_peer(void)
{
	SPU00_PERIPH_PERM(VPR_BASE) |= SPU_PERIPH_PERM_SECATTR;
	VPR_INITPC = FLPR_ENTRY;
	VPR_CPURUN = 1;
}
#endif

#define REGION_SIZE 0x800u
#define ICBMSG_DCACHE_ALIGNMENT 32u
#define INTERRUPTS 271u
#define GRTC_BASE 0x500E2000u
#define SYSTICK_HZ 1000000u	/* the GRTC's */
#define UARTE_HAS_DMA_BLOCK

#endif
