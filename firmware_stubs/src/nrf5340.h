/*
 * nRF5340: the few registers that these programs use, for the core they are built for (-DCORE_NET: network core).
 *
 * Source: nRF5340 Product Specification (IPC, UARTE, memory map, interrupt list) and the Armv8-M Architecture
 * Reference Manual (SysTick, NVIC, SCB). Peripheral addresses are the secure aliases: both cores run Secure here.
 */
#ifndef NRF5340_H
#define NRF5340_H

#include <stdint.h>

#ifdef SOC_HEADER
#include SOC_HEADER	/* a core of another SoC with the same peripherals: what the branches below define, see the README */
#elif defined(CORE_NET)
#define RAM_BASE  0x21000000u
#define RAM_END   0x21010000u
#define IPC_BASE  0x41012000u
#define IPC_IRQN  18u
#define UARTE_BASE 0x41013000u
#define TX_REGION 0x20078000u
#define RX_REGION 0x20070000u
#define TX_CHANNEL 1u
#define RX_CHANNEL 0u
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
#endif

#ifndef SOC_HEADER
#define REGION_SIZE 0x800u
#define SYSTICK_HZ 64000000u	/* both cores start at 64 MHz; the application core at 128 only if HFCLKCTRL says so */
#endif

#define REG32(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* IPC: 16 channels on one backbone between the cores. */
#define IPC_CHANNELS          16u
#define IPC_TASKS_SEND(n)     REG32(IPC_BASE + 0x000u + 4u * (n))
#define IPC_EVENTS_RECEIVE(n) REG32(IPC_BASE + 0x100u + 4u * (n))
#define IPC_INTENSET          REG32(IPC_BASE + 0x304u)
#define IPC_INTENCLR          REG32(IPC_BASE + 0x308u)
#define IPC_SEND_CNF(n)       REG32(IPC_BASE + 0x510u + 4u * (n))
#define IPC_RECEIVE_CNF(n)    REG32(IPC_BASE + 0x590u + 4u * (n))

/* UARTE: transmission by EasyDMA. */
#define UARTE_TASKS_STARTTX   REG32(UARTE_BASE + 0x008u)
#define UARTE_EVENTS_ENDTX    REG32(UARTE_BASE + 0x120u)
#define UARTE_ENABLE          REG32(UARTE_BASE + 0x500u)
#define UARTE_TXD_PTR         REG32(UARTE_BASE + 0x544u)
#define UARTE_TXD_MAXCNT      REG32(UARTE_BASE + 0x548u)
#define UARTE_ENABLE_ENABLED  8u

/* SysTick. */
#define SYST_CSR              REG32(0xE000E010u)
#define SYST_RVR              REG32(0xE000E014u)
#define SYST_CVR              REG32(0xE000E018u)
#define SYST_CSR_RUN          0x7u		/* ENABLE | TICKINT | CLKSOURCE = core clock */
#define SYST_CSR_COUNTFLAG    (1u << 16)	/* cleared by reading */
#define SYST_RELOAD_MAX       0x00FFFFFFu

/* NVIC. */
#define NVIC_ISER(irq)        REG32(0xE000E100u + 4u * ((irq) / 32u))
#define NVIC_ICPR(irq)        REG32(0xE000E280u + 4u * ((irq) / 32u))
#define NVIC_BIT(irq)         (1u << ((irq) % 32u))

/* System control block. */
#define SCB_ICSR              REG32(0xE000ED04u)
#define SCB_ICSR_PENDSTCLR    (1u << 25)
#define SCB_VTOR              REG32(0xE000ED08u)
#define SCB_CFSR              REG32(0xE000ED28u)
#define SCB_HFSR              REG32(0xE000ED2Cu)
#define SCB_MMFAR             REG32(0xE000ED34u)
#define SCB_BFAR              REG32(0xE000ED38u)
#define SCB_CFSR_MMARVALID    (1u << 7)
#define SCB_CFSR_BFARVALID    (1u << 15)

/* Orders memory accesses before it against those after it, device registers included. */
static inline void cpu_dmb(void)
{
	__asm volatile("dmb" ::: "memory");
}

/*
 * Sleeps until an enabled interrupt is pending. PRIMASK is set for the whole life of these programs (see startup.c),
 * so nothing is taken as an exception: WFI wakes on a pending interrupt whatever PRIMASK says (Armv8-M ARM, WFI), and
 * falls through when one became pending earlier. No wake-up can be lost.
 */
static inline void cpu_sleep(void)
{
	__asm volatile("dsb\n\twfi" ::: "memory");
}

#endif
