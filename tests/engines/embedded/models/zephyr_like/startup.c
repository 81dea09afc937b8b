/* From the reset vector to main: memory, SystemInit, MPU, clocks, in the order in which Zephyr does it. */
#include "soc.h"

extern uint32_t ld_data_start[], ld_data_end[], ld_data_load[], ld_bss_start[], ld_bss_end[], ld_stack_top[];

struct results results;

void Reset_Handler(void);
void rtc1_isr(void);
void clock_isr(void);
int main(void);

static void unexpected(void)
{
	for (;;) {
	}
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16 + 32])(void) = {
	(void (*)(void))(void *)ld_stack_top,
	Reset_Handler,
	unexpected,
	unexpected,
	unexpected,
	unexpected,
	unexpected,
	[16 + CLOCK_IRQ] = clock_isr,
	[16 + RTC1_IRQ] = rtc1_isr,
};

/* Trimming, access protection, errata: everything depends on what the information pages say. */
void soc_early_init(void)
{
	for (uint32_t index = 0; index < 32 && REG(FICR + 0x300 + 8 * index) != 0xFFFFFFFFu; index++) {
		REG(REG(FICR + 0x300 + 8 * index)) = REG(FICR + 0x304 + 8 * index);
	}
	if (REG(FICR + 0x130) == 7 && REG(FICR + 0x134) < 5) {
		fatal("an erratum of a part that this is not");
	}
	REG(CTRLAP + 0x544) = REG(UICR);
#ifdef CORE_NET
	REG(0x41080540u) = 1; /* instruction cache */
	REG(0x41203120u) = 4;
	(void)REG(0x41011304u); /* RTC0, which may have been left running */
	(void)REG(0x41011504u);
#else
	REG(CTRLAP + 0x54C) = REG(UICR + 0x01C);
	REG(0x50003440u) = 0x12; /* SPU: the network core may access secure memory */
	REG(0x50001500u) = 1;    /* instruction cache */
	REG(0x500046D0u) = 0x20;
	REG(0x50004704u) = 1; /* regulators */
	REG(0x50004904u) = 1;
	REG(0x50004B00u) = 1;
#endif
	REG(GPIO + 0x200) = 3; /* PIN_CNF[0] */
	REG(DPPIC + 0x504) = 0;
	REG(GPIOTE + 0x17C) = 0;
	REG(GPIOTE + 0x304) = 0x80000000u;
}

static uint32_t test_target(uint32_t address)
{
	uint32_t answer;

	__asm__ volatile("tt %0, %1" : "=r"(answer) : "r"(address));
	return answer;
}

static void mpu_region(uint32_t number, uint32_t base, uint32_t limit, uint32_t access)
{
	MPU_RNR = number;
	MPU_RBAR = base | access << 1;
	MPU_RLAR = (limit & ~0x1Fu) | 1u;
}

/* Regions for flash and RAM, then the question in which of them the stack is: no answer is a panic in Zephyr. */
void mpu_init(void)
{
	uint32_t stack = (uint32_t)(uintptr_t)ld_stack_top - 32;

	if ((MPU_TYPE >> 8 & 0xFFu) != 8) {
		fatal("not 8 MPU regions");
	}
	MPU_CTRL = 0;
	MPU_MAIR0 = 0x44FF0404u;
	mpu_region(0, FICR & 0x01000000u, (FICR & 0x01000000u) + 0x3FFFF, 3);
	mpu_region(1, stack & 0xFF000000u, (stack & 0xFF000000u) + 0x7FFFF, 0);
	MPU_CTRL = 5;
	__asm__ volatile("dsb\n isb" ::: "memory");
	uint32_t answer = test_target(stack);
	if (!(answer & 1u << 16)) {
		fatal("the stack is in no MPU region");
	}
	results.region = answer & 0xFFu;
}

void Reset_Handler(void)
{
	const uint32_t *load = ld_data_load;

	for (uint32_t *word = ld_data_start; word < ld_data_end; word++) {
		*word = *load++;
	}
	for (uint32_t *word = ld_bss_start; word < ld_bss_end; word++) {
		*word = 0;
	}
	soc_early_init();
	console_init();
	mpu_init();
	system_clock_init();
	clock_on();
	main();
	unexpected();
}
