/* An ICMsg echo peer for the nRF5340's network core in which any of many mistakes can be planted: planted_files.py
 * writes `plant` into the image. Registers from the nRF5340 Product Specification, layout from docs/protocol.md. */

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define BYTE(address) (*(volatile uint8_t *)(uintptr_t)(address))

#define IPC 0x41012000u
#define UARTE 0x41013000u
#define IPC_IRQ 18
#define MAGIC 13

enum kind {
	SOUND, NO_SEND_CNF, NO_RECEIVE_CNF, NO_INTEN, NO_NVIC, WRONG_IRQ, MASKED_BASEPRI, MASKED_PRIMASK, STUCK_IN_HANDLER,
	NO_WR_IDX, NO_RD_IDX, MISSPELT, MAGIC_SHORT, NO_RING_MAGIC, NO_RING_MESSAGE, EARLY, LE_WRITE, LE_READ, LENGTH_HEADER,
	TRUNCATED, OFF_BY_ONE, SMALL_DROP, SMALL_STOP, SILENT, EVERY_OTHER, ONE_PER_RING, OVERFLOW, NULL_CALL, UNALIGNED_JUMP,
	RESET_AGAIN, WFE_ALWAYS, SESSION, ICBMSG, STOP_BEFORE_OPEN, WR_UNALIGNED, WR_BEYOND, NOT_CLEARED, SWALLOWS_MAGIC,
};

volatile const struct {
	uint32_t kind, at, tx, rx, size, alignment, tx_channel, rx_channel;
} plant = {SOUND, 3, 0x20078000u, 0x20070000u, 0x800u, 4u, 1u, 0u};

static const uint8_t magic[MAGIC] = {'E', 'm', '1', 'l', '1', 'K', '0', 'r', 'n', '3', 'l', 'i', '4'};
static uint8_t message[2048];
static uint32_t wr_own, rd_own, taken;
static volatile uint32_t rang, nowhere;
static uint32_t data_offset, data_length;

static void print(const char *text)
{
	static char line[64];
	uint32_t n = 0;

	while (text[n] && n < sizeof line - 1) {
		line[n] = text[n];
		n++;
	}
	line[n++] = '\n';
	REG(UARTE + 0x500) = 8;
	REG(UARTE + 0x120) = 0;
	REG(UARTE + 0x544) = (uint32_t)(uintptr_t)line;
	REG(UARTE + 0x548) = n;
	REG(UARTE + 0x008) = 1;
	while (!REG(UARTE + 0x120)) {
	}
}

__attribute__((noinline)) static void ring(void)
{
	__asm volatile("dmb" ::: "memory");
	REG(IPC + 4 * plant.tx_channel) = 1;
}

__attribute__((noinline)) static void put(const uint8_t *payload, uint32_t length)
{
	uint32_t at = wr_own, stated = length, need = (4 + length + 3) & ~3u;
	uint32_t base = plant.tx + data_offset;

	if (plant.kind == LENGTH_HEADER) {
		stated = length + 4;
	}
	if (plant.kind == MAGIC_SHORT && length == MAGIC) {
		stated = 12;
	}
	if (plant.kind == LE_WRITE) {
		stated = (stated & 0xFF) << 8 | stated >> 8;
	}
	BYTE(base + at) = (uint8_t)(stated >> 8);
	BYTE(base + at + 1) = (uint8_t)stated;
	BYTE(base + at + 2) = 0;
	BYTE(base + at + 3) = 0;
	at = (at + 4) % data_length;
	for (uint32_t i = 0; i < length; i++) {
		BYTE(base + at) = payload[i];
		at = (at + 1) % data_length;
	}
	wr_own = (wr_own + need) % data_length;
	__asm volatile("dmb" ::: "memory");
	if (plant.kind != NO_WR_IDX) {
		REG(plant.tx + data_offset - 4) = wr_own;
	}
}

static uint32_t peek(void)
{
	uint32_t base = plant.rx + data_offset + rd_own;

	if (REG(plant.rx + data_offset - 4) == rd_own) {
		return 0;
	}
	if (plant.kind == LE_READ) {
		return (uint32_t)BYTE(base + 1) << 8 | BYTE(base);
	}
	return (uint32_t)BYTE(base) << 8 | BYTE(base + 1);
}

static void take(uint32_t length)
{
	uint32_t at = (rd_own + 4) % data_length;

	for (uint32_t i = 0; i < length; i++) {
		message[i % sizeof message] = BYTE(plant.rx + data_offset + at);
		at = (at + 1) % data_length;
	}
	rd_own = (rd_own + ((4 + length + 3) & ~3u)) % data_length;
	if (plant.kind != NO_RD_IDX) {
		REG(plant.rx) = rd_own;
	}
}

void ipc_isr(void)
{
	if (plant.kind != NOT_CLEARED) {
		REG(IPC + 0x100 + 4 * plant.rx_channel) = 0;
		(void)REG(IPC + 0x100 + 4 * plant.rx_channel);
	}
	rang++;
}

void other_isr(void)
{
	for (;;) {
	}
}

static void mailbox(void)
{
	uint32_t irq = plant.kind == WRONG_IRQ ? 19 : IPC_IRQ;

	if (plant.kind != NO_SEND_CNF) {
		REG(IPC + 0x510 + 4 * plant.tx_channel) = 1u << plant.tx_channel;
	}
	if (plant.kind != NO_RECEIVE_CNF) {
		REG(IPC + 0x590 + 4 * plant.rx_channel) = 1u << plant.rx_channel;
	}
	if (plant.kind != NO_INTEN) {
		REG(IPC + 0x304) = 1u << plant.rx_channel;
	}
	REG(0xE000E410) = 0x00800000u; /* interrupt 18: priority 4 of 8 */
	if (plant.kind != NO_NVIC) {
		REG(0xE000E100) = 1u << irq;
	}
}

static void misbehave(void)
{
	switch (plant.kind) {
	case OVERFLOW:
		__asm volatile("mov r0, #0x30000000\n mov sp, r0\n push {r0}" ::: "r0");
		break;
	case NULL_CALL:
		((void (*)(void))(uintptr_t)nowhere)();
		break;
	case UNALIGNED_JUMP:
		((void (*)(void))(uintptr_t)0x01000100u)();
		break;
	case RESET_AGAIN:
		REG(0xE000ED0C) = 0x05FA0004u;
		break;
	case STUCK_IN_HANDLER: /* interrupt 30, as urgent as the mailbox */
		REG(0xE000E41C) = 0x00800000u;
		REG(0xE000E100) = 1u << 30;
		REG(0xE000E200) = 1u << 30;
		break;
	case MASKED_BASEPRI:
		__asm volatile("msr basepri, %0" ::"r"(0x40));
		break;
	case MASKED_PRIMASK:
		__asm volatile("cpsid i");
		for (;;) {
		}
	case WR_UNALIGNED:
		REG(plant.tx + data_offset - 4) = 22;
		break;
	case WR_BEYOND:
		REG(plant.tx + data_offset - 4) = data_length + 64;
		break;
	default:
		return;
	}
	ring();
}

static void answer(uint32_t length)
{
	taken++;
	if (taken == plant.at) {
		misbehave();
	}
	if (plant.kind == SILENT || (plant.kind == EVERY_OTHER && taken & 1)) {
		return;
	}
	if (plant.kind == TRUNCATED && length > 1) {
		length--;
	}
	if (plant.kind == OFF_BY_ONE) {
		message[length - 1]++;
	}
	put(message, length);
	if (plant.kind != NO_RING_MESSAGE) {
		ring();
	}
}

static void wait(void)
{
	if (plant.kind == WFE_ALWAYS) {
		__asm volatile("wfe");
		return;
	}
	if (plant.kind == MASKED_BASEPRI) {
		while (!rang) {
		}
		rang = 0;
		return;
	}
	__asm volatile("cpsid i");
	if (!rang) {
		__asm volatile("wfi");
	}
	rang = 0;
	__asm volatile("cpsie i");
}

static void session(void)
{
	REG(plant.rx + 4) = 1;
	mailbox();
	ring();
	for (;;) {
		wait();
	}
}

int main(void)
{
	uint32_t length, bound = 0;

	data_offset = plant.alignment + 4;
	data_length = plant.size - data_offset;
	print("planted: up");
	if (plant.kind == STOP_BEFORE_OPEN) {
		for (;;) {
			__asm volatile("wfi");
		}
	}
	if (plant.kind == SESSION) {
		session();
	}
	REG(plant.tx) = 0;
	REG(plant.tx + data_offset - 4) = 0;
	for (uint32_t i = 0; i < MAGIC; i++) {
		message[i] = magic[i];
	}
	if (plant.kind == MISSPELT) {
		message[10] = '1';
	}
	put(message, MAGIC);
	mailbox();
	if (plant.kind != NO_RING_MAGIC) {
		ring();
	}
	if (plant.kind == EARLY) {
		put((const uint8_t *)"hello", 5);
		ring();
	}
	for (;;) {
		length = peek();
		if (!length || (plant.kind == SWALLOWS_MAGIC)) {
			wait();
			continue;
		}
		if (plant.kind == SMALL_STOP && length > 64) {
			wait();
			continue;
		}
		take(length);
		if (!bound) {
			bound = 1;
			ring();
			print("planted: bound");
			if (plant.kind == ICBMSG) {
				put((const uint8_t[]){2, 0, 5}, 3);
				ring();
			}
			continue;
		}
		if (plant.kind == ICBMSG || (plant.kind == SMALL_DROP && length > 64)) {
			continue;
		}
		answer(length);
		if (plant.kind == ONE_PER_RING) {
			wait();
		}
	}
}

extern uint32_t ld_data_load[], ld_data_start[], ld_data_end[], ld_bss_start[], ld_bss_end[], ld_stack_top[];

void Reset_Handler(void)
{
	for (uint32_t *from = ld_data_load, *to = ld_data_start; to < ld_data_end;) {
		*to++ = *from++;
	}
	for (uint32_t *at = ld_bss_start; at < ld_bss_end;) {
		*at++ = 0;
	}
	main();
}

void fault(void)
{
	for (;;) {
	}
}

__attribute__((section(".vectors"), used)) void *const vectors[16 + 64] = {
	[0] = ld_stack_top,   [1] = Reset_Handler, [2] = fault, [3] = fault, [4] = fault, [5] = fault, [6] = fault,
	[16 + IPC_IRQ] = ipc_isr, [16 + 19] = ipc_isr, [16 + 30] = other_isr,
};
