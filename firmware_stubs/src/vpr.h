/*
 * VPR: Nordic's RISC-V core with a CLIC, hardware stacking and the VEVIF in its CSRs.
 *
 * Source: Nordic's MDK (nrf54l15_flpr, core_vpr.h) and HAL (nrf_vpr_csr.h, nrf_vpr_clic.h), RISC-V CLIC draft.
 */
#ifndef VPR_H
#define VPR_H

#define CSR_MTVT              0x307
#define CSR_VPRNORDICCTRL     0x7C0
#define CSR_VEVIF_TASKS       0x7E0
#define CSR_VEVIF_EVENTS      0x7E2

#define VPRNORDICCTRL_KEY     0x507D0000u
#define VPRNORDICCTRL_ENABLERTPERIPH 1u

#define FIRST_INTERRUPT_CODE  16u	/* interrupt n has code n + 16 in mcause and that place in the table at mtvt */

/* csr is a number or a name that the assembler knows. */
#define CSR_TEXT(csr) #csr
#define CSR_READ(csr) __extension__({ \
	uint32_t csr_value; \
	__asm volatile("csrr %0, " CSR_TEXT(csr) : "=r"(csr_value)::"memory"); \
	csr_value; \
})
#define CSR_WRITE(csr, value) __asm volatile("csrw " CSR_TEXT(csr) ", %0" ::"rK"(value) : "memory")
#define CSR_SET(csr, bits)    __asm volatile("csrs " CSR_TEXT(csr) ", %0" ::"rK"(bits) : "memory")
#define CSR_CLEAR(csr, bits)  __asm volatile("csrc " CSR_TEXT(csr) ", %0" ::"rK"(bits) : "memory")

/* CLIC, at this address in the core's own view only. An interrupt is latched at its rising edge until it is taken. */
#define CLIC_INT(irq)         REG32(0xF0001000u + 4u * (irq))
#define CLIC_INT_IP           (1u << 0)
#define CLIC_INT_IE           (1u << 8)

/* Lets the interrupt wake the core, also if it is pending already. */
static inline void irq_enable(uint32_t irq)
{
	CLIC_INT(irq) |= CLIC_INT_IE;
}

/* It stays pending, or becomes so, and does not wake the core. */
static inline void irq_disable(uint32_t irq)
{
	CLIC_INT(irq) &= ~CLIC_INT_IE;
}

static inline void irq_set(uint32_t irq)
{
	CLIC_INT(irq) |= CLIC_INT_IP;
}

static inline void irq_clear(uint32_t irq)
{
	CLIC_INT(irq) &= ~CLIC_INT_IP;
}

/*
 * Sleeps until an enabled interrupt comes; returns at once when one is pending already. It is taken here and nowhere
 * else, and does nothing: see startup_vpr.c. No wake-up can be lost.
 */
void cpu_sleep(void);

#endif
