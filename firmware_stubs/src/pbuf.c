#include "pbuf.h"

#include <stddef.h>

#include "barrier.h"
#include "errno_zephyr.h"
#include "pbuf_ring.h"

#define LENGTH_MAX 65535u

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
	if (size % WORD != 0u || size < data + PACKET_HEADER + 2u * WORD)
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
	uint32_t room = pb->len - PACKET_HEADER - WORD;

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
	if (len - occupied(wr, rd, len) < n + PACKET_HEADER + WORD)
		return -ENOMEM;
	barrier();	/* what rd_idx gives back was read by the peer before; only now it may be overwritten */

	*(word *)(data + wr) = swap_length(n);
	wr = wrap(wr + PACKET_HEADER, len);
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
	if (occupied(wr, rd, len) < n + PACKET_HEADER)
		return -EAGAIN;

	rd = wrap(rd + PACKET_HEADER, len);
	copy_from_ring(buffer, data, len, rd, n);
	rd = wrap(rd + round_up(n), len);

	pb->own = rd;
	barrier();	/* the payload has been read before its room is given back */
	*pb->rd_idx = rd;
	return (int)n;
}
