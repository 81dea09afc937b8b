#include "first_packet.h"

#include "barrier.h"

#define HEADER     4u
#define LENGTH_MAX 65535u

bool first_packet_is(const struct pbuf *pb, const uint8_t *payload, uint32_t n)
{
	const volatile uint8_t *packet = pb->data;
	uint32_t wr = *pb->wr_idx;

	if (wr < HEADER + n || wr >= pb->len || wr > LENGTH_MAX)
		return false;
	barrier();	/* the packet is read after the index that covers it */

	if (((uint32_t)packet[0] << 8 | packet[1]) != n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (packet[HEADER + i] != payload[i])
			return false;
	}
	return true;
}
