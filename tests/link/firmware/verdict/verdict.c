/*
 * verdict: firmware by which a verdict is put to the test, bare metal, magic bonding of Zephyr since 4.1.
 *
 * It echoes; `behaviour` says in which one way it differs. A host overwrites it in the image.
 */
#include <stdint.h>

#ifdef CORE_NET
#define TX 0x20078000u
#define RX 0x20070000u
#define IPC 0x41012000u
#define IRQ 18u
#define TX_CHANNEL 1u
#define RX_CHANNEL 0u
#else
#define TX 0x20070000u
#define RX 0x20078000u
#define IPC 0x5002A000u
#define IRQ 42u
#define TX_CHANNEL 0u
#define RX_CHANNEL 1u
#endif
#define FORCEOFF 0x50005614u
#define NOTHING 0x41009100u
#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define BYTES(region) ((volatile uint8_t *)(uintptr_t)((region) + 8u))
#define RING 0x7F8u

enum kind {
	ECHO,
	STORM,		/* the interrupt handler never clears its event */
	EARLY,		/* sends a message before it has taken the magic */
	GREET,		/* sends one message when it is bound, then echoes */
	ONE_EACH,	/* takes one packet for each doorbell */
	DEAF,		/* its interrupt is not enabled at the mailbox: it never takes the magic */
	TRUSTING,	/* begins to read at the rd_idx that lies in RAM; a message before it is bound is a fault */
	POLL,		/* waits for a register that never changes, before it opens */
	SPIN,		/* loops for ever, before it opens */
	FAULT_LOOP,	/* once bound, an instruction that does not exist, and a handler that returns to it */
	FAULT,		/* once bound, an instruction that does not exist; the echo of the first message comes before it */
	RESTARTS,	/* application core: `number` rounds of `number` messages; between them it restarts the network core */
	LEAVES,		/* the same, and it restarts the network core at the end without opening again */
	SLOW,		/* sends `number` messages, `pause` loops apart, and does not wait for echoes */
	IDLE_LOOP,	/* as ECHO, but the thread idles in a loop instead of sleeping */
};

__attribute__((used)) const volatile struct {
	uint32_t kind;
	uint32_t number;
	uint32_t pause;
} behaviour = {ECHO, 3, 0};

static const char magic[] = "Em1l1K0rn3li4";
static uint8_t packet[0x800];
static uint32_t tx_at, rx_at, bound;
static volatile uint32_t rung;

static void ring(void)
{
	__asm volatile("dmb" ::: "memory");
	REG(IPC + 4u * TX_CHANNEL) = 1u;
}

static int send(const void *data, uint32_t length)
{
	const uint8_t *from = data;
	uint32_t need = 4u + ((length + 3u) & ~3u), used = (tx_at + RING - REG(TX)) % RING, at = tx_at;

	if (used + need >= RING)
		return 0;
	for (uint32_t i = 0; i < need; i++) {
		BYTES(TX)[at] = i == 0 ? (uint8_t)(length >> 8) : i == 1 ? (uint8_t)length :
				i < 4u || i - 4u >= length ? 0 : from[i - 4u];
		at = (at + 1u) % RING;
	}
	tx_at = at;
	__asm volatile("dmb" ::: "memory");
	REG(TX + 4u) = tx_at;
	ring();
	return 1;
}

static uint32_t receive(void)
{
	uint32_t at = rx_at, length;

	if (at == REG(RX + 4u))
		return 0;
	length = (uint32_t)BYTES(RX)[at] << 8 | BYTES(RX)[(at + 1u) % RING];
	for (uint32_t i = 0; i < length && i < sizeof(packet); i++)
		packet[i] = BYTES(RX)[(at + 4u + i) % RING];
	rx_at = (at + 4u + ((length + 3u) & ~3u)) % RING;
	REG(RX) = rx_at;
	return length;
}

void ipc_handler(void)
{
	if (behaviour.kind == STORM)
		return;
	REG(IPC + 0x100u + 4u * RX_CHANNEL) = 0u;
	(void)REG(IPC + 0x100u + 4u * RX_CHANNEL);
	rung = 1;
}

void fault_handler(void)
{
	while (behaviour.kind != FAULT_LOOP)
		;
}

static void wait_for_ring(void)
{
	while (behaviour.kind == IDLE_LOOP && !rung)
		;
	__asm volatile("cpsid i");
	if (!rung)
		__asm volatile("wfi");
	rung = 0;
	__asm volatile("cpsie i");
}

static void open_side(void)
{
	rx_at = behaviour.kind == TRUSTING ? REG(RX) : 0u;
	if (behaviour.kind == TRUSTING && receive() != 0u) {
		if (packet[0] != 'E')
			__asm volatile("udf #0");
		bound = 1;
	}
	REG(TX) = 0u;
	REG(TX + 4u) = 0u;
	tx_at = 0;
	REG(IPC + 0x510u + 4u * TX_CHANNEL) = 1u << TX_CHANNEL;
	REG(IPC + 0x590u + 4u * RX_CHANNEL) = 1u << RX_CHANNEL;
	if (behaviour.kind != DEAF)
		REG(IPC + 0x304u) = 1u << RX_CHANNEL;
	REG(0xE000E100u + 4u * (IRQ / 32u)) = 1u << IRQ % 32u;
	send(magic, 13);
	if (behaviour.kind == EARLY)
		send("hi", 2);
}

/* Until the peer's magic was taken. */
static void bond(void)
{
	if (behaviour.kind == DEAF)
		wait_for_ring();
	while (!bound && receive() == 0u)
		wait_for_ring();
	ring();
}

static uint32_t wait_for_message(void)
{
	uint32_t length;

	while ((length = receive()) == 0u)
		wait_for_ring();
	return length;
}

static void restart_the_other_core(void)
{
	REG(FORCEOFF) = 1u;
	for (uint32_t at = 0; at < 0x10u; at += 4u) {
		REG(TX + at) = 0u;
		REG(RX + at) = 0u;
	}
	REG(FORCEOFF) = 0u;
}

static void rounds(void)
{
	for (uint32_t round = 0; round < behaviour.number; round++) {
		open_side();
		bond();
		for (uint32_t i = 0; i < behaviour.number; i++) {
			uint8_t message[3] = {(uint8_t)round, (uint8_t)i, 7};

			send(message, sizeof(message));
			wait_for_message();
		}
		if (round + 1u < behaviour.number || behaviour.kind == LEAVES)
			restart_the_other_core();
	}
	for (;;)
		__asm volatile("wfi");
}

int main(void)
{
	uint32_t length;

#ifndef CORE_NET
	REG(FORCEOFF) = 0u;
#endif
	if (behaviour.kind == RESTARTS || behaviour.kind == LEAVES)
		rounds();
	while (behaviour.kind == POLL && REG(NOTHING) == 0u)
		;
	while (behaviour.kind == SPIN)
		;
	open_side();
	bond();
	if (behaviour.kind == GREET)
		send("hello", 5);
	if (behaviour.kind == FAULT_LOOP)
		__asm volatile("udf #0");
	if (behaviour.kind == SLOW) {
		for (uint32_t i = 0; i < behaviour.number; i++) {
			for (volatile uint32_t n = 0; n < behaviour.pause; n++)
				;
			send(&i, sizeof(i));
		}
		for (;;)
			while (receive() == 0u)
				wait_for_ring();
	}
	for (;;) {
		length = wait_for_message();
		while (!send(packet, length))
			;
		if (behaviour.kind == FAULT)
			__asm volatile("udf #0");
		if (behaviour.kind == ONE_EACH)
			wait_for_ring();
	}
}

extern uint32_t ld_bss_start[], ld_bss_end[], ld_stack_top[];

void Reset_Handler(void)
{
	for (uint32_t *to = ld_bss_start; to < ld_bss_end;)
		*to++ = 0;
	main();
}

__attribute__((used, section(".vectors"))) void (*const vectors[16u + 69u])(void) = {
	(void (*)(void))ld_stack_top,
	Reset_Handler,
	[2 ... 16 + IRQ - 1] = fault_handler,
	[16 + IRQ] = ipc_handler,
};
