/*
 * A plain hart as the firmware stubs need to know it (../../../../firmware_stubs): with the mailbox and the UARTE of
 * the nRF5340's network core on its lines 16 and 17, and a CLINT for the repeat timer.
 */
#define RAM_BASE   0x80008000u
#define RAM_END    0x80020000u
#define IPC_BASE   0x41012000u
#define IPC_IRQN   16u
#define UARTE_BASE 0x41013000u

#define TX_REGION   0x20078000u
#define RX_REGION   0x20070000u
#define REGION_SIZE 0x800u
#define TX_CHANNEL  1u
#define RX_CHANNEL  0u
#define SYSTICK_HZ  10000000u

#define VPR_H /* it is none: what follows stands for that header */

#define CLINT_BASE 0x02000000u
#define HART_TIMER 7u

/* Lets the interrupt wake the core: it is taken nowhere, since mstatus.MIE stays clear. */
static inline void irq_enable(uint32_t irq)
{
	__asm volatile("csrs mie, %0" ::"r"(1u << irq) : "memory");
}

static inline void irq_disable(uint32_t irq)
{
	__asm volatile("csrc mie, %0" ::"r"(1u << irq) : "memory");
}

/* Lines are levels: there is nothing to clear here. */
static inline void irq_clear(uint32_t irq)
{
	(void)irq;
}

static inline void cpu_sleep(void)
{
	__asm volatile("fence iorw, iorw\n\twfi" ::: "memory");
}
