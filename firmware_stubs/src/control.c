#include "control.h"

#include "barrier.h"
#include "errno_zephyr.h"
#include "pbuf_ring.h"

int control_write(struct pbuf *pb, uint32_t message)
{
	return pbuf_write(pb, &message, CONTROL_LENGTH);
}

int control_read(struct pbuf *pb, uint32_t *message)
{
	uint32_t len = pb->len;
	uint32_t rd = pb->own;
	uint32_t wr = *pb->wr_idx;

	if (corrupt(wr, len))
		return -EINVAL;
	if (wr == rd)
		return 0;
	barrier();	/* the packet is read after the index that covers it */

	uint32_t n = swap_length(*(const volatile word *)(pb->data + rd));
	if (n == 0u)
		return -EINVAL;
	if (occupied(wr, rd, len) < n + PACKET_HEADER)
		return -EAGAIN;

	/* Packets begin at multiples of a word, so a word of the payload never wraps. */
	rd = wrap(rd + PACKET_HEADER, len);
	*message = *(const volatile word *)(pb->data + rd);
	rd = wrap(rd + round_up(n), len);

	pb->own = rd;
	barrier();	/* it has been read before its room is given back */
	*pb->rd_idx = rd;
	return (int)n;
}
