/*
 * foreign: firmware that shares nothing with firmware_stubs, for tests of what is done with firmware nobody knows.
 *
 * Another style on purpose: interrupts are taken, ICMsg is a state machine in the interrupt handler, the thread only
 * sleeps. Magic bonding of Zephyr since 4.1: ring once, ring back on the magic. It echoes; `behaviour` makes it
 * speak first, or go wrong at one message (counted from 0) in the way that a test chooses.
 */
#include <stdint.h>

#ifdef CORE_NET
#define TX 0x20078000u
#define RX 0x20070000u
#define IPC 0x41012000u
#define IRQ 18u
#define UARTE 0x41013000u
#define TX_CHANNEL 1u
#define RX_CHANNEL 0u
#else
#define TX 0x20070000u
#define RX 0x20078000u
#define IPC 0x4002A000u
#define IRQ 42u
#define UARTE 0x40008000u
#define TX_CHANNEL 0u
#define RX_CHANNEL 1u
#endif

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define RD_IDX(region) REG(region)
#define WR_IDX(region) REG((region) + ALIGNMENT)
#define DATA(region) ((volatile uint8_t *)(uintptr_t)((region) + ALIGNMENT + 4u))
#define RING (0x800u - ALIGNMENT - 4u)
#define ALIGNMENT behaviour.alignment

enum kind {
	ECHO,
	WRONG_BYTE,	/* bit 7 of the last byte differs */
	SHORT,		/* the last byte is missing */
	TWICE,		/* the echo comes twice */
	SLEEP,		/* no answer any more */
	LOOP,		/* no answer any more, and no sleep */
	JUMP,		/* calls an address without memory; the fault handler loops */
	LOCKUP,		/* the same with a stack pointer without memory */
	WR_MISALIGNED,	/* the echo's wr_idx is odd */
	WR_BEYOND,	/* the echo's wr_idx is behind the data */
	RD_BEYOND,	/* the rd_idx that tells what was taken is behind the data */
	EMPTY,		/* the echo has length 0 */
	TOO_LONG,	/* the echo's header announces more than there is */
	RESET,		/* the core resets itself */
	SPEAK,		/* sends `limit` messages of its own, `at` of them under way, after `delay` loops */
	DEAF,		/* writes the magic, but never reads */
	NO_MAGIC,	/* the first packet is something else */
	STRAY,		/* all is well, but a register that nothing models is read and written */
};

/* A host overwrites it in the image. */
__attribute__((used)) const volatile struct {
	uint32_t kind;
	uint32_t at;
	uint32_t alignment;
	uint32_t limit;
	uint32_t delay;
} behaviour = {ECHO, 3, 4, 20, 0};

static const char magic[] = "Em1l1K0rn3li4";
static uint8_t packet[0x800];
static uint32_t tx_at, rx_at, taken, spoken;
static volatile uint32_t bound;

static void print(const char *text)
{
	static char line[32];
	uint32_t n = 0;

	while (text[n] != 0) {
		line[n] = text[n];
		n++;
	}
	REG(UARTE + 0x500u) = 8u;
	REG(UARTE + 0x544u) = (uint32_t)(uintptr_t)line;
	REG(UARTE + 0x548u) = n;
	REG(UARTE + 0x120u) = 0u;
	REG(UARTE + 0x008u) = 1u;
	while (REG(UARTE + 0x120u) == 0u)
		;
}

static void ring(void)
{
	REG(IPC + 4u * TX_CHANNEL) = 1u;
}

static void put(uint32_t *at, uint8_t byte)
{
	DATA(TX)[*at] = byte;
	*at = *at + 1u == RING ? 0u : *at + 1u;
}

static void send(const uint8_t *data, uint32_t length, uint32_t announced)
{
	uint32_t at = tx_at;

	put(&at, (uint8_t)(announced >> 8));
	put(&at, (uint8_t)announced);
	put(&at, 0);
	put(&at, 0);
	for (uint32_t i = 0; i < length; i++)
		put(&at, data[i]);
	while (at % 4u != 0u)
		put(&at, 0);
	tx_at = at;
	WR_IDX(TX) = tx_at;
	ring();
}

static uint32_t get(uint32_t *at)
{
	uint32_t byte = DATA(RX)[*at];

	*at = *at + 1u == RING ? 0u : *at + 1u;
	return byte;
}

static uint32_t receive(void)
{
	uint32_t at = rx_at;

	if (at == WR_IDX(RX))
		return 0;
	uint32_t length = get(&at) << 8;
	length |= get(&at);
	at = (at + 2u) % RING;
	for (uint32_t i = 0; i < length; i++)
		packet[i] = (uint8_t)get(&at);
	rx_at = (at + 3u & ~3u) % RING;
	RD_IDX(RX) = rx_at;
	return length;
}

static void speak(void)
{
	if (spoken == behaviour.limit)
		return;
	spoken++;
	send((const uint8_t *)"what I say", 10, 10);
}

/* Not in line: a test looks for its name in what is said about a crash. */
__attribute__((noinline, used)) void go_wrong(uint32_t length)
{
	switch ((enum kind)behaviour.kind) {
	case WRONG_BYTE:
		packet[length - 1u] ^= 0x80u;
		break;
	case SHORT:
		length--;
		break;
	case TWICE:
		send(packet, length, length);
		break;
	case SLEEP:
		__asm volatile("cpsid i");
		for (;;)
			__asm volatile("wfi");
	case LOOP:
		for (;;)
			__asm volatile("");
	case JUMP:
		((void (*)(void))(uintptr_t)0x60000001u)();
		break;
	case LOCKUP:
		__asm volatile("msr msp, %0\n\tudf #0" ::"r"(0x60000000u));
		break;
	case WR_MISALIGNED:
		tx_at += 1u;
		break;
	case WR_BEYOND:
		WR_IDX(TX) = 0x7FCu;
		ring();
		return;
	case RD_BEYOND:
		RD_IDX(RX) = 0x10000u;
		break;
	case EMPTY:
		send(packet, 4, 0);
		return;
	case TOO_LONG:
		send(packet, length, 0x700u);
		return;
	case STRAY:
		REG(0x41008000u) = REG(0x41008004u);	/* RADIO */
		break;
	case RESET:
		REG(0xE000ED0Cu) = 0x05FA0004u;
		for (;;)
			;
	default:
		break;
	}
	if (behaviour.kind == WR_MISALIGNED) {
		WR_IDX(TX) = tx_at;
		ring();
		return;
	}
	send(packet, length, length);
}

static void take(uint32_t length)
{
	if (!bound) {
		for (uint32_t i = 0; i < sizeof(magic) - 1u; i++)
			if (length != sizeof(magic) - 1u || packet[i] != (uint8_t)magic[i])
				return;
		bound = 1;
		ring();
		print("foreign: bound\r\nready> ");
	} else if (behaviour.kind == SPEAK) {
		speak();
	} else if (taken++ == behaviour.at) {
		go_wrong(length);
	} else {
		send(packet, length, length);
	}
}

void ipc_handler(void)
{
	uint32_t length;

	REG(IPC + 0x100u + 4u * RX_CHANNEL) = 0u;
	(void)REG(IPC + 0x100u + 4u * RX_CHANNEL);
	if (behaviour.kind == DEAF)
		return;
	while ((length = receive()) != 0u)
		take(length);
}

static void wait_for_ever(void)
{
	for (;;)
		;
}

extern uint32_t ld_data_load[], ld_data_start[], ld_data_end[], ld_bss_start[], ld_bss_end[], ld_stack_top[];

void Reset_Handler(void)
{
	const uint32_t *from = ld_data_load;

	for (uint32_t *to = ld_data_start; to < ld_data_end;)
		*to++ = *from++;
	for (uint32_t *to = ld_bss_start; to < ld_bss_end;)
		*to++ = 0;
#ifndef CORE_NET
	REG(0x40005614u) = 0u;	/* RESET.NETWORK.FORCEOFF: let the network core go */
#endif
	WR_IDX(TX) = 0u;
	RD_IDX(TX) = 0u;
	REG(IPC + 0x510u + 4u * TX_CHANNEL) = 1u << TX_CHANNEL;
	REG(IPC + 0x590u + 4u * RX_CHANNEL) = 1u << RX_CHANNEL;
	REG(IPC + 0x304u) = 1u << RX_CHANNEL;
	REG(0xE000E100u + 4u * (IRQ / 32u)) = 1u << IRQ % 32u;
	send((const uint8_t *)(behaviour.kind == NO_MAGIC ? "not the magic" : magic), 13, 13);
	if (behaviour.kind == SPEAK) {
		while (!bound)
			__asm volatile("wfe");
		for (volatile uint32_t i = 0; i < behaviour.delay; i++)
			;
		for (uint32_t i = 0; i < behaviour.at; i++) {
			__asm volatile("cpsid i");
			speak();
			__asm volatile("cpsie i");
		}
	}
	for (;;)
		__asm volatile("wfi");
}

__attribute__((used, section(".vectors"))) void (*const vectors[16u + 69u])(void) = {
	(void (*)(void))ld_stack_top,
	Reset_Handler,
	[2 ... 16 + IRQ - 1] = wait_for_ever,
	[16 + IRQ] = ipc_handler,
};
