#include "pbuf.h"

#include <stddef.h>

#include "barrier.h"
#include "errno_zephyr.h"

#define WORD       4u
#define HEADER     4u
#define LENGTH_MAX 65535u

/*
 * Copies go by words. The region's side is aligned; the caller's need not be, and may hold any type. On RISC-V it has
 * to be aligned, because the core need not take other accesses; the programs' buffers are.
 */
#ifdef __riscv
typedef uint32_t __attribute__((may_alias)) word;
#else
typedef uint32_t __attribute__((may_alias, aligned(1))) word;
#endif

static uint32_t round_up(uint32_t n)
{
	return (n + (WORD - 1u)) & ~(WORD - 1u);
}

static uint32_t wrap(uint32_t idx, uint32_t len)
{
	return idx >= len ? idx - len : idx;
}

static bool corrupt(uint32_t idx, uint32_t len)
{
	return idx % WORD != 0u || idx >= len;
}

static uint32_t occupied(uint32_t wr, uint32_t rd, uint32_t len)
{
	return wr >= rd ? wr - rd : len - (rd - wr);
}

/* A length as it lies in the header word: two bytes big-endian, then two that are zero; a reader ignores those. */
static uint32_t swap_length(uint32_t n)
{
	return __builtin_bswap16((uint16_t)n);
}

/* The last 1 to 3 bytes go one by one: the pad behind a packet is never written. */
__attribute__((noinline)) static void copy(uint8_t *to, const uint8_t *from, uint32_t n)
{
	for (; n >= 4u * WORD; n -= 4u * WORD, to += 4u * WORD, from += 4u * WORD) {
		((word *)to)[0] = ((const word *)from)[0];
		((word *)to)[1] = ((const word *)from)[1];
		((word *)to)[2] = ((const word *)from)[2];
		((word *)to)[3] = ((const word *)from)[3];
	}
	for (; n >= WORD; n -= WORD, to += WORD, from += WORD)
		*(word *)to = *(const word *)from;
	for (; n > 0u; n--)
		*to++ = *from++;
}

/* Between the ring of len bytes at data, from index idx on, and n bytes in a row. A payload may wrap, once. */
static void copy_to_ring(uint8_t *data, uint32_t len, uint32_t idx, const uint8_t *from, uint32_t n)
{
	uint32_t to_end = len - idx;

	if (n > to_end) {
		copy(data + idx, from, to_end);
		from += to_end;
		n -= to_end;
		idx = 0;
	}
	copy(data + idx, from, n);
}

static void copy_from_ring(uint8_t *to, const uint8_t *data, uint32_t len, uint32_t idx, uint32_t n)
{
	uint32_t to_end = len - idx;

	if (n > to_end) {
		copy(to, data + idx, to_end);
		to += to_end;
		n -= to_end;
		idx = 0;
	}
	copy(to, data + idx, n);
}

int pbuf_init(struct pbuf *pb, void *region, uint32_t size, uint32_t dcache_alignment, bool sessions)
{
	uint32_t alignment = dcache_alignment > WORD ? dcache_alignment : WORD;
	uint32_t data = alignment + WORD;

	if ((alignment & (alignment - 1u)) != 0u || (uintptr_t)region % alignment != 0u)
		return -EINVAL;
	if (sessions && alignment < 2u * WORD)
		return -EINVAL;
	/* The smallest data: a header, one byte rounded up, the word that stays free. */
	if (size % WORD != 0u || size < data + HEADER + 2u * WORD)
		return -EINVAL;

	pb->rd_idx = region;
	pb->wr_idx = (volatile uint32_t *)(void *)((uint8_t *)region + alignment);
	pb->data = (uint8_t *)region + data;
	pb->len = size - data;
	pb->own = 0;
	return 0;
}

uint32_t pbuf_capacity(const struct pbuf *pb)
{
	uint32_t room = pb->len - HEADER - WORD;

	return room < LENGTH_MAX ? room : LENGTH_MAX;
}

void pbuf_tx_init(struct pbuf *pb)
{
	pb->own = 0;
	*pb->wr_idx = 0;
	*pb->rd_idx = 0;
	barrier();
}

void pbuf_rx_init(struct pbuf *pb)
{
	pb->own = 0;
}

int pbuf_write(struct pbuf *pb, const void *packet, uint32_t n)
{
	uint8_t *data = pb->data;
	uint32_t len = pb->len;
	uint32_t wr = pb->own;
	uint32_t rd = *pb->rd_idx;

	if (n == 0u || n > LENGTH_MAX || corrupt(rd, len))
		return -EINVAL;
	/* The rule counts n as it is, not rounded up: indices are multiples of 4, so the word stays free all the same. */
	if (len - occupied(wr, rd, len) < n + HEADER + WORD)
		return -ENOMEM;
	barrier();	/* what rd_idx gives back was read by the peer before; only now it may be overwritten */

	*(word *)(data + wr) = swap_length(n);
	wr = wrap(wr + HEADER, len);
	copy_to_ring(data, len, wr, packet, n);
	wr = wrap(wr + round_up(n), len);

	pb->own = wr;
	barrier();
	*pb->wr_idx = wr;
	return (int)n;
}

int pbuf_read(struct pbuf *pb, void *buffer, uint32_t capacity)
{
	const uint8_t *data = pb->data;
	uint32_t len = pb->len;
	uint32_t rd = pb->own;
	uint32_t wr = *pb->wr_idx;

	if (corrupt(wr, len))
		return -EINVAL;
	if (wr == rd)
		return 0;
	barrier();	/* the packet is read after the index that covers it */

	/* volatile: looked at once, because a hostile peer may change it between two looks. */
	uint32_t n = swap_length(*(const volatile word *)(data + rd));
	if (n == 0u)
		return -EINVAL;
	if (buffer == NULL)
		return (int)n;
	if (n > capacity)
		return -ENOMEM;
	if (occupied(wr, rd, len) < n + HEADER)
		return -EAGAIN;

	rd = wrap(rd + HEADER, len);
	copy_from_ring(buffer, data, len, rd, n);
	rd = wrap(rd + round_up(n), len);

	pb->own = rd;
	barrier();	/* the payload has been read before its room is given back */
	*pb->rd_idx = rd;
	return (int)n;
}
