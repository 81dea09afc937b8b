/*
 * Work of many kinds, whose result no interrupt may change, and interrupts at every level that try to.
 *
 * Thread: sorting, recursion, 64-bit arithmetic, division, single and double precision, bit fields, memory moves,
 * exclusive counters, and critical sections by PRIMASK and BASEPRI. SysTick pre-empts it and pends PendSV; the mailbox
 * (interrupt 42) pre-empts both. All of them use floating point, and compute what they can check.
 */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)
#define NVIC_ISER1 REG(0xE000E104)
#define NVIC_IPR42 (*(volatile uint8_t *)0xE000E42A)
#define SCB_ICSR REG(0xE000ED04)
#define SCB_SHPR3 REG(0xE000ED20)
#define IPC_EVENT REG(0x5002A100)
#define IPC_INTENSET REG(0x5002A304)
#define IPC_RECEIVE_CNF REG(0x5002A590)

enum { MAILBOX_PRIORITY = 0x20, SYSTICK_PRIORITY = 0x40, PENDSV_PRIORITY = 0xE0 };

/* Written by the host before the core starts. */
__attribute__((used, section(".params"))) volatile struct {
	uint32_t rounds;
	uint32_t systick_period; /* cycles, 0 = none */
} stress_params;

/* Read by the host afterwards. */
__attribute__((used, section(".results"))) volatile struct {
	uint32_t done;
	uint32_t checksum;
	uint32_t ticks;
	uint32_t pendsvs;
	uint32_t doorbells;
	uint32_t deepest;	  /* handlers within each other */
	uint32_t broken_sections; /* handlers that ran where they were masked */
	uint32_t broken_handlers; /* handlers that computed something else than the time before */
	uint32_t shared;	  /* counted by everybody with LDREX and STREX */
} stress_results;

static volatile uint32_t depth, masked_by_basepri, masked_by_primask;

static void count(volatile uint32_t *counter)
{
	uint32_t value, failed;

	do {
		__asm volatile("ldrex %0, [%1]" : "=r"(value) : "r"(counter) : "memory");
		value++;
		__asm volatile("strex %0, %1, [%2]" : "=&r"(failed) : "r"(value), "r"(counter) : "memory");
	} while (failed);
}

/* The same result every time, by way of many registers of both kinds. */
static __attribute__((noinline)) uint32_t handler_work(uint32_t seed)
{
	float sum = (float)seed;
	uint64_t mix = seed * 0x9E3779B97F4A7C15ull;

	for (uint32_t i = 1; i < 5; i++) {
		sum = sum * 0.75f + (float)i;
		mix = mix / (i + 2u) + (mix << 3);
	}
	union {
		float f;
		uint32_t u;
	} bits = {.f = sum};
	return bits.u ^ (uint32_t)mix ^ (uint32_t)(mix >> 32);
}

static void handler(volatile uint32_t *counter, uint32_t seed, uint32_t *expected)
{
	uint32_t result;

	depth++;
	if (depth > stress_results.deepest)
		stress_results.deepest = depth;
	if (masked_by_primask || masked_by_basepri)
		stress_results.broken_sections++;
	result = handler_work(seed);
	if (*expected && *expected != result)
		stress_results.broken_handlers++;
	*expected = result;
	(*counter)++;
	count(&stress_results.shared);
	depth--;
}

void SysTick_Handler(void)
{
	static uint32_t expected;

	handler(&stress_results.ticks, 3, &expected);
	SCB_ICSR = 1u << 28;
}

void PendSV_Handler(void)
{
	static uint32_t expected;

	handler(&stress_results.pendsvs, 5, &expected);
}

void Mailbox_Handler(void)
{
	static uint32_t expected;

	IPC_EVENT = 0;
	handler(&stress_results.doorbells, 7, &expected);
}

static uint32_t state;

static uint32_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static __attribute__((noinline)) uint32_t descend(uint32_t n, uint32_t a, uint32_t b, uint32_t c)
{
	if (n == 0)
		return a ^ b * c;
	return descend(n - 1, b + n, c ^ a, a * 3 + 1) + (a > b ? c : (b > c ? a : b));
}

static uint32_t sort(void)
{
	uint32_t values[16], sum = 0;

	for (int i = 0; i < 16; i++)
		values[i] = next_random();
	for (int i = 1; i < 16; i++)
		for (int j = i; j > 0 && values[j - 1] > values[j]; j--) {
			uint32_t keep = values[j];

			values[j] = values[j - 1];
			values[j - 1] = keep;
		}
	for (int i = 0; i < 16; i++)
		sum = sum * 31 + values[i] + (values[i] & 1 ? sum >> 3 : sum << 2);
	return sum;
}

static uint32_t move(void)
{
	static uint8_t from[64], to[64];
	uint32_t sum = 0;

	for (int i = 0; i < 64; i++)
		from[i] = (uint8_t)(next_random() >> 7);
	for (int shift = 0; shift < 4; shift++) {
		__builtin_memcpy(to + shift, from + 3 - shift, 57);
		for (int i = 0; i < 64; i += 4) {
			uint32_t word;

			__builtin_memcpy(&word, to + i, 4);
			sum = (sum << 5 | sum >> 27) ^ word;
		}
	}
	return sum;
}

static uint32_t critical_sections(uint32_t value)
{
	uint32_t basepri = MAILBOX_PRIORITY;

	__asm volatile("msr basepri, %0" ::"r"(basepri) : "memory");
	masked_by_basepri = 1;
	value += 17;
	masked_by_basepri = 0;
	basepri = 0;
	__asm volatile("msr basepri, %0" ::"r"(basepri) : "memory");
	__asm volatile("cpsid i" ::: "memory");
	masked_by_primask = 1;
	value ^= value >> 5;
	masked_by_primask = 0;
	__asm volatile("cpsie i" ::: "memory");
	return value;
}

int main(void)
{
	uint32_t sum = 1;
	float f = 1.0f;
	double d = 1.0;
	uint64_t q = 88172645463325252ull;

	state = 12345;
	SCB_SHPR3 = (uint32_t)SYSTICK_PRIORITY << 24 | (uint32_t)PENDSV_PRIORITY << 16;
	NVIC_IPR42 = MAILBOX_PRIORITY;
	IPC_RECEIVE_CNF = 1;
	IPC_INTENSET = 1;
	NVIC_ISER1 = 1u << (42 - 32);
	if (stress_params.systick_period) {
		SYST_RVR = stress_params.systick_period - 1;
		SYST_CVR = 0;
		SYST_CSR = 7;
	}
	for (uint32_t round = 0; round < stress_params.rounds; round++) {
		union {
			float f;
			uint32_t u;
		} bits;

		sum += sort();
		f = f * 0.9f + (float)(sum & 0xFFFF) * 0.001f;
		f = f > 100.0f ? f - 50.0f : f + 1.0f;
		d = d * 0.5 + (double)(sum & 0xFF);
		q ^= q << 13;
		q ^= q >> 7;
		q ^= q << 17;
		sum ^= (uint32_t)(q / (1 + (sum & 0xFF)));
		sum += descend(5, sum, (uint32_t)q, round);
		bits.f = f + (float)d;
		sum ^= bits.u;
		sum += move();
		sum = critical_sections(sum);
		count(&stress_results.shared);
	}
	SYST_CSR = 0;
	stress_results.checksum = sum;
	stress_results.done = 1;
	for (;;)
		__asm volatile("wfi");
}

/* memcpy is what the compiler makes of the moves above; there is no library. */
void *memcpy(void *to, const void *from, unsigned long size)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	while (size--)
		*t++ = *f++;
	return to;
}

extern uint32_t stack_top[];

static void Unexpected_Handler(void)
{
	for (;;)
		__asm volatile("bkpt #1");
}

void Reset_Handler(void)
{
	main();
}

typedef void (*vector)(void);

__attribute__((used, section(".vectors"))) const vector vectors[16 + 48] = {
	[0] = (vector)stack_top,
	[1] = Reset_Handler,
	[2 ... 13] = Unexpected_Handler,
	[14] = PendSV_Handler,
	[15] = SysTick_Handler,
	[16 ... 16 + 41] = Unexpected_Handler,
	[16 + 42] = Mailbox_Handler,
	[16 + 43 ... 16 + 47] = Unexpected_Handler,
};
