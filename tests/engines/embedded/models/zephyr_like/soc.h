/* The registers that Zephyr's start-up code and drivers touch on the nRF5340 (nRF5340 PS; Armv8-M ARM). */
#ifndef SOC_H
#define SOC_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#ifdef CORE_NET
#define CLOCK 0x41005000u
#define RTC1 0x41016000u
#define RTC1_IRQ 22u
#define UARTE0 0x41013000u
#define DPPIC 0x4100F000u
#define GPIOTE 0x4100A000u
#define GPIO 0x418C0500u
#define CTRLAP 0x41006000u
#define FICR 0x01FF0000u
#define UICR 0x01FF8000u
#define WDT 0x4100B000u
#else
#define CLOCK 0x50005000u
#define RTC1 0x50015000u
#define RTC1_IRQ 21u
#define UARTE0 0x50008000u
#define DPPIC 0x50017000u
#define GPIOTE 0x5000D000u
#define GPIO 0x50842500u
#define CTRLAP 0x50006000u
#define FICR 0x00FF0000u
#define UICR 0x00FF8000u
#define FORCEOFF REG(0x50005614u)
#endif
#define CLOCK_IRQ 5u

#define NVIC_ISER REG(0xE000E100u)
#define NVIC_ICPR REG(0xE000E280u)
#define NVIC_IPR(irq) (*(volatile uint8_t *)(uintptr_t)(0xE000E400u + (irq)))
#define MPU_TYPE REG(0xE000ED90u)
#define MPU_CTRL REG(0xE000ED94u)
#define MPU_RNR REG(0xE000ED98u)
#define MPU_RBAR REG(0xE000ED9Cu)
#define MPU_RLAR REG(0xE000EDA0u)
#define MPU_MAIR0 REG(0xE000EDC0u)

/* What the two cores tell each other, at the start of the shared SRAM. */
struct shared {
	volatile uint32_t boots;     /* of the network core */
	volatile uint32_t heartbeat; /* of the network core, every millisecond */
	volatile uint32_t hang;      /* 1: the network core stops feeding its watchdog */
};
#define SHARED ((struct shared *)0x20070000u)

struct results {
	uint32_t region;      /* MPU region of the stack, as TT says */
	uint32_t lfclk_polls; /* until the low-frequency clock ran */
	uint32_t wakeups;     /* interrupts of RTC1 */
	uint32_t late[16];    /* cycles of 32.768 kHz between a timeout and the code behind the sleep */
};
extern struct results results;

void soc_early_init(void);
void mpu_init(void);
void clock_on(void);
void console_init(void);
void print(const char *text);
void system_clock_init(void);
uint32_t cycles(void);
void sleep_until(uint32_t cycle);
void fatal(const char *text);

#endif
