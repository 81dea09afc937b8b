#include "uarte.h"

#include <stdbool.h>

#include "barrier.h"
#include "soc.h"

/* Transmission by EasyDMA. */
#ifdef UARTE_HAS_DMA_BLOCK
#define UARTE_TASKS_STARTTX   REG32(UARTE_BASE + 0x050u)
#define UARTE_EVENTS_ENDTX    REG32(UARTE_BASE + 0x168u)
#define UARTE_TXD_PTR         REG32(UARTE_BASE + 0x73Cu)
#define UARTE_TXD_MAXCNT      REG32(UARTE_BASE + 0x740u)
#else
#define UARTE_TASKS_STARTTX   REG32(UARTE_BASE + 0x008u)
#define UARTE_EVENTS_ENDTX    REG32(UARTE_BASE + 0x120u)
#define UARTE_TXD_PTR         REG32(UARTE_BASE + 0x544u)
#define UARTE_TXD_MAXCNT      REG32(UARTE_BASE + 0x548u)
#endif
#define UARTE_ENABLE          REG32(UARTE_BASE + 0x500u)
#define UARTE_ENABLE_ENABLED  8u

#define LINE_MAX 96u
#define END_OF_LINE 2u

/* EasyDMA reads RAM only; the texts lie in flash. */
DMA_BUFFER static uint8_t line[LINE_MAX];
static uint32_t length;
static bool sending;

static void put(char c)
{
	if (length < LINE_MAX - END_OF_LINE)
		line[length++] = (uint8_t)c;
}

void uarte_begin(void)
{
	UARTE_ENABLE = UARTE_ENABLE_ENABLED;
	while (sending)
		sending = UARTE_EVENTS_ENDTX == 0u;
	length = 0;
}

void uarte_text(const char *text)
{
	while (*text != '\0')
		put(*text++);
}

void uarte_decimal(uint32_t value)
{
	char digits[10];
	uint32_t n = 0;

	do {
		digits[n++] = (char)('0' + value % 10u);
		value /= 10u;
	} while (value != 0u);
	while (n > 0u)
		put(digits[--n]);
}

void uarte_hex(uint32_t value)
{
	uarte_text("0x");
	for (int shift = 28; shift >= 0; shift -= 4)
		put("0123456789abcdef"[(value >> shift) & 0xFu]);
}

void uarte_end(void)
{
	line[length++] = '\r';
	line[length++] = '\n';
	UARTE_EVENTS_ENDTX = 0;
	UARTE_TXD_PTR = (uint32_t)(uintptr_t)line;
	UARTE_TXD_MAXCNT = length;
	barrier();	/* the line is in RAM before the DMA looks */
	UARTE_TASKS_STARTTX = 1;
	sending = true;
}

void uarte_line(const char *text, const char *more)
{
	uarte_begin();
	uarte_text(text);
	uarte_text(more);
	uarte_end();
}
