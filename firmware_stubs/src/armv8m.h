/*
 * Armv8-M: SysTick, NVIC, system control block, sleeping.
 *
 * Source: Armv8-M Architecture Reference Manual.
 */
#ifndef ARMV8M_H
#define ARMV8M_H

/* SysTick. */
#define SYST_CSR              REG32(0xE000E010u)
#define SYST_RVR              REG32(0xE000E014u)
#define SYST_CVR              REG32(0xE000E018u)
#define SYST_CSR_RUN          0x7u		/* ENABLE | TICKINT | CLKSOURCE = core clock */
#define SYST_CSR_COUNTFLAG    (1u << 16)	/* cleared by reading */

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

/* NVIC. */
#define NVIC_ISER(irq)        REG32(0xE000E100u + 4u * ((irq) / 32u))
#define NVIC_ICER(irq)        REG32(0xE000E180u + 4u * ((irq) / 32u))
#define NVIC_ISPR(irq)        REG32(0xE000E200u + 4u * ((irq) / 32u))
#define NVIC_ICPR(irq)        REG32(0xE000E280u + 4u * ((irq) / 32u))
#define NVIC_BIT(irq)         (1u << ((irq) % 32u))

/* Lets the interrupt wake the core, also if it is pending already. */
static inline void irq_enable(uint32_t irq)
{
	NVIC_ISER(irq) = NVIC_BIT(irq);
}

/* It stays pending, or becomes so, and does not wake the core. */
static inline void irq_disable(uint32_t irq)
{
	NVIC_ICER(irq) = NVIC_BIT(irq);
}

static inline bool irq_is_pending(uint32_t irq)
{
	return (NVIC_ISPR(irq) & NVIC_BIT(irq)) != 0u;
}

static inline void irq_clear(uint32_t irq)
{
	NVIC_ICPR(irq) = NVIC_BIT(irq);
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
