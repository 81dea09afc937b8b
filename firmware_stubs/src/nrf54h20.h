/*
 * nRF54H20, for the application core or (-DCORE_RAD) the radio core; both have a Cortex-M33. Each hears its own
 * bellboard and rings the other one's.
 *
 * Source: nRF54H20 headers in Nordic's MDK (addresses, interrupts), Zephyr's board nrf54h20dk (memories, regions,
 * channels, alignment). On silicon the firmware of the secure and the system core runs first, starts both cores and
 * gives them what is named here. The data caches stay off, as after reset.
 */
#ifndef NRF54H20_H
#define NRF54H20_H

#define APP_BELLBOARD 0x5F09A000u
#define RAD_BELLBOARD 0x5F09B000u
#define APP_CHANNEL 18u		/* that the application core hears */
#define RAD_CHANNEL 12u
#define APP_TO_RAD 0x2F0BF000u	/* regions in RAM0x, which both cores reach */
#define RAD_TO_APP 0x2F0BF800u

#ifdef CORE_RAD
#define RAM_BASE  0x23000000u
#define RAM_END   0x23030000u
#define BELLBOARD_BASE RAD_BELLBOARD
#define BELLBOARD_PEER_BASE APP_BELLBOARD
#define UARTE_BASE 0x5F9C6000u	/* UARTE135 */
#define TX_REGION RAD_TO_APP
#define RX_REGION APP_TO_RAD
#define TX_CHANNEL APP_CHANNEL
#define RX_CHANNEL RAD_CHANNEL
#define TX_BLOCKS 18u
#define RX_BLOCKS 16u
#define GRTC_GROUP 5u
#define GRTC_CHANNEL 7u
#else
#define RAM_BASE  0x2F011000u
#define RAM_END   0x2F051000u
#define BELLBOARD_BASE APP_BELLBOARD
#define BELLBOARD_PEER_BASE RAD_BELLBOARD
#define UARTE_BASE 0x5F9D5000u	/* UARTE136 */
#define TX_REGION APP_TO_RAD
#define RX_REGION RAD_TO_APP
#define TX_CHANNEL RAD_CHANNEL
#define RX_CHANNEL APP_CHANNEL
#define GRTC_GROUP 3u
#define GRTC_CHANNEL 4u
#endif

#define REGION_SIZE 0x800u
#define DCACHE_ALIGNMENT 32u
#define BELLBOARD_IRQN 96u	/* of interrupt group 0 */
#define IS_TX_CHANNEL(n) ((n) < 32u)
#define IS_RX_CHANNEL(n) ((n) < 32u)
#define INTERRUPTS 471u
#define GRTC_BASE 0x5F99C000u
#define GRTC_IRQN 109u
#define SYSTICK_HZ 1000000u	/* the GRTC's */
#define UARTE_HAS_DMA_BLOCK
/* The UARTE of the slow domain reads RAM3x only. */
#define DMA_BUFFER __attribute__((section(".dma")))

#endif
