/*
 * shell: firmware with a console that can be written to. It echoes what comes, and answers each line that ends with CR.
 *
 * `behaviour` chooses how it receives: INTERRUPT and ASYNC follow the two ways of Zephyr's uart_nrfx_uarte.c (a buffer of
 * one byte that is started again in the handler of ENDRX; two buffers in turn, a pause that stops the receiver, a flush of
 * its FIFO), RTT is SEGGER's down-buffer, polled, with all output in its up-buffer.
 */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#ifdef NRF54L15
#define UARTE 0x500C6000u
#define IRQ 198u
#define IRQS 271u
#define TASK_FLUSHRX REG(UARTE + 0x01Cu)
#define TASK_STARTRX REG(UARTE + 0x028u)
#define TASK_STOPRX REG(UARTE + 0x02Cu)
#define TASK_STARTTX REG(UARTE + 0x050u)
#define RXDRDY 0x110u
#define ERROR 0x114u
#define RXTO 0x124u
#define ENDRX 0x14Cu
#define RXSTARTED 0x150u
#define ENDTX 0x168u
#define RX_PTR REG(UARTE + 0x704u)
#define RX_MAXCNT REG(UARTE + 0x708u)
#define RX_AMOUNT REG(UARTE + 0x70Cu)
#define TX_PTR REG(UARTE + 0x73Cu)
#define TX_MAXCNT REG(UARTE + 0x740u)
#define PAUSE_STOPS (1u << 29)
#define CONFIG_WITH_PAUSE (0x1000u | 1u << 14)
#else
#define UARTE 0x40008000u
#define IRQ 8u
#define IRQS 69u
#define TASK_FLUSHRX REG(UARTE + 0x02Cu)
#define TASK_STARTRX REG(UARTE + 0x000u)
#define TASK_STOPRX REG(UARTE + 0x004u)
#define TASK_STARTTX REG(UARTE + 0x008u)
#define RXDRDY 0x108u
#define ENDRX 0x110u
#define ENDTX 0x120u
#define ERROR 0x124u
#define RXTO 0x144u
#define RXSTARTED 0x14Cu
#define RX_PTR REG(UARTE + 0x534u)
#define RX_MAXCNT REG(UARTE + 0x538u)
#define RX_AMOUNT REG(UARTE + 0x53Cu)
#define TX_PTR REG(UARTE + 0x544u)
#define TX_MAXCNT REG(UARTE + 0x548u)
#endif
#define EVENT(at) REG(UARTE + (at))
#define BIT_OF(at) (1u << ((at) - 0x100u) / 4u)
#define SHORTS REG(UARTE + 0x200u)
#define INTENSET REG(UARTE + 0x304u)
#define ERRORSRC REG(UARTE + 0x480u)
#define ENABLE REG(UARTE + 0x500u)
#define BAUDRATE REG(UARTE + 0x524u)
#define CONFIG REG(UARTE + 0x56Cu)
#define ENDRX_STARTRX (1u << 5)
#define SYST_CSR REG(0xE000E010u)
#define SYST_RVR REG(0xE000E014u)
#define SYST_CVR REG(0xE000E018u)

enum mode { INTERRUPT, ASYNC, RTT };

/* A host overwrites it in the image. `slow` loops pass in the handler before a byte is taken; `hwfc` is that of CONFIG. */
__attribute__((used)) const volatile struct {
	uint32_t mode;
	uint32_t baudrate;
	uint32_t slow;
	uint32_t hwfc;
} behaviour = {INTERRUPT, 0x01D60000u, 0, 0};

#define CHUNK 8u
static uint8_t chunks[2][CHUNK], flushed[CHUNK], one;
static uint32_t filling, next_is_set;
__attribute__((used)) volatile uint32_t overruns;

static uint8_t typed[64], line[64];
static volatile uint32_t head, tail;

static struct {
	char id[16];
	uint32_t ups, downs;
	struct { const char *name; uint8_t *buffer; uint32_t size; volatile uint32_t wr, rd; uint32_t flags; } up[1], down[1];
} rtt __asm__("_SEGGER_RTT") __attribute__((used));
static uint8_t rtt_up[32], rtt_down[8];

static void rtt_begin(void)
{
	static const char id[] = "SEGGER RTT";

	rtt.ups = rtt.downs = 1;
	rtt.up[0].buffer = rtt_up;
	rtt.up[0].size = sizeof(rtt_up);
	rtt.down[0].buffer = rtt_down;
	rtt.down[0].size = sizeof(rtt_down);
	for (uint32_t i = 0; i < sizeof(id); i++)
		rtt.id[i] = id[i];
}

static void put(const uint8_t *data, uint32_t length)
{
	if (behaviour.mode == RTT) {
		for (uint32_t i = 0; i < length; i++) {
			uint32_t next = (rtt.up[0].wr + 1u) % rtt.up[0].size;

			while (next == rtt.up[0].rd)
				;
			rtt_up[rtt.up[0].wr] = data[i];
			rtt.up[0].wr = next;
		}
		return;
	}
	TX_PTR = (uint32_t)(uintptr_t)data;
	TX_MAXCNT = length;
	EVENT(ENDTX) = 0u;
	TASK_STARTTX = 1u;
	while (EVENT(ENDTX) == 0u)
		;
}

static void print(const char *text)
{
	static uint8_t out[64];
	uint32_t n = 0;

	while (text[n] != 0 && n < sizeof(out)) {
		out[n] = (uint8_t)text[n];
		n++;
	}
	put(out, n);
}

static void take(const uint8_t *data, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++) {
		typed[head] = data[i];
		head = (head + 1u) % sizeof(typed);
	}
}

static void start_chunk(void)
{
	RX_PTR = (uint32_t)(uintptr_t)chunks[filling];
	RX_MAXCNT = CHUNK;
	next_is_set = 0;
	EVENT(ENDRX) = EVENT(RXSTARTED) = 0u;
	TASK_STARTRX = 1u;
}

static void take_chunk(void)
{
	take(chunks[filling], RX_AMOUNT);
	filling ^= 1u;
	SHORTS &= ~ENDRX_STARTRX;
	next_is_set = 0;
}

static void flush(void)
{
	RX_PTR = (uint32_t)(uintptr_t)flushed;
	RX_MAXCNT = CHUNK;
	EVENT(RXSTARTED) = 0u;
	TASK_FLUSHRX = 1u;
	while (EVENT(ENDRX) == 0u)
		;
	EVENT(ENDRX) = 0u;
	if (EVENT(RXSTARTED) != 0u)
		take(flushed, RX_AMOUNT);
}

static void receive_async(void)
{
#ifndef NRF54L15
	if (EVENT(RXDRDY) != 0u) {	/* the pause begins anew */
		EVENT(RXDRDY) = 0u;
		SYST_CVR = 0u;
		SYST_CSR = 7u;
	}
#endif
	if (EVENT(ENDRX) != 0u) {
		EVENT(ENDRX) = 0u;
		take_chunk();
	}
	if (EVENT(RXSTARTED) != 0u && next_is_set == 0u) {
		EVENT(RXSTARTED) = 0u;
		RX_PTR = (uint32_t)(uintptr_t)chunks[filling ^ 1u];
		RX_MAXCNT = CHUNK;
		next_is_set = 1;
		SHORTS |= ENDRX_STARTRX;
	}
	if (EVENT(RXTO) != 0u) {
		EVENT(RXTO) = 0u;
		flush();
		start_chunk();
	}
}

void uarte_handler(void)
{
	for (volatile uint32_t i = 0; i < behaviour.slow; i++)
		;
	if (ERRORSRC != 0u) {
		overruns++;
		ERRORSRC = ERRORSRC;
		EVENT(ERROR) = 0u;
	}
	if (behaviour.mode == ASYNC) {
		receive_async();
	} else if (EVENT(ENDRX) != 0u) {
		EVENT(ENDRX) = 0u;
		take(&one, 1);
		TASK_STARTRX = 1u;
	}
}

void systick_handler(void)	/* nothing came for a while */
{
	if (behaviour.mode == ASYNC) {
		SYST_CSR = 0u;
		SHORTS &= ~ENDRX_STARTRX;
		TASK_STOPRX = 1u;
	}
}

static void begin(void)
{
	if (behaviour.mode == RTT) {
		rtt_begin();
		SYST_RVR = 6400u;
		SYST_CVR = 0u;
		SYST_CSR = 7u;
		return;
	}
	BAUDRATE = behaviour.baudrate;
	CONFIG = behaviour.hwfc;
	ENABLE = 8u;
	REG(0xE000E100u + 4u * (IRQ / 32u)) = 1u << IRQ % 32u;
	if (behaviour.mode == INTERRUPT) {
		RX_PTR = (uint32_t)(uintptr_t)&one;
		RX_MAXCNT = 1u;
		INTENSET = BIT_OF(ENDRX);
		TASK_STARTRX = 1u;
		return;
	}
#ifdef NRF54L15
	CONFIG = CONFIG_WITH_PAUSE | behaviour.hwfc;
	REG(UARTE + 0x578u) = 20u;
	SHORTS = PAUSE_STOPS;
	INTENSET = BIT_OF(ENDRX) | BIT_OF(RXSTARTED) | BIT_OF(RXTO);
#else
	SYST_RVR = 20000u;
	INTENSET = BIT_OF(RXDRDY) | BIT_OF(ENDRX) | BIT_OF(RXSTARTED) | BIT_OF(RXTO);
#endif
	start_chunk();
}

static int is(const uint8_t *text, const char *word)
{
	while (*word != 0 && *text == (uint8_t)*word) {
		text++;
		word++;
	}
	return *text == 0 && *word == 0;
}

static void answer(void)
{
	if (is(line, "help")) {
		print("help, version; anything else comes back\r\n");
	} else if (is(line, "version")) {
		print("shell 1\r\n");
	} else if (line[0] != 0) {
		print("you said: ");
		print((const char *)line);
		print("\r\n");
	}
}

static void shell(void)
{
	uint32_t length = 0;

	print("shell: up\r\n> ");
	for (;;) {
		if (behaviour.mode == RTT && rtt.down[0].rd != rtt.down[0].wr) {
			take(&rtt_down[rtt.down[0].rd], 1);
			rtt.down[0].rd = (rtt.down[0].rd + 1u) % rtt.down[0].size;
		}
		__asm volatile("cpsid i");
		if (head == tail) {
			__asm volatile("wfi");
			__asm volatile("cpsie i");
			continue;
		}
		__asm volatile("cpsie i");

		static uint8_t echo;

		echo = typed[tail];
		tail = (tail + 1u) % sizeof(typed);
		if (echo == '\r') {
			line[length] = 0;
			length = 0;
			print("\r\n");
			answer();
			print("> ");
		} else if (length < sizeof(line) - 1u) {
			line[length++] = echo;
			put(&echo, 1);
		}
	}
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
	begin();
	shell();
}

__attribute__((used, section(".vectors"))) void (*const vectors[16u + IRQS])(void) = {
	(void (*)(void))ld_stack_top,
	Reset_Handler,
	[2 ... 14] = wait_for_ever,
	[15] = systick_handler,
	[16 ... 16 + IRQ - 1] = wait_for_ever,
	[16 + IRQ] = uarte_handler,
};
