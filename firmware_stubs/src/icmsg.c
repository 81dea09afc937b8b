#include "icmsg.h"

#include "errno_zephyr.h"

static const uint8_t magic[ICMSG_MAGIC_LENGTH] = ICMSG_MAGIC;

/* A longer packet that begins with the magic is accepted too, as Zephyr does since 3.6. */
static bool is_magic(const uint8_t *packet, uint32_t len)
{
	if (len < ICMSG_MAGIC_LENGTH)
		return false;
	for (uint32_t i = 0; i < ICMSG_MAGIC_LENGTH; i++) {
		if (packet[i] != magic[i])
			return false;
	}
	return true;
}

int icmsg_open(struct icmsg *ic)
{
	pbuf_tx_init(&ic->tx);
	pbuf_rx_init(&ic->rx);
	ic->state = ICMSG_BUSY;
	int written = pbuf_write(&ic->tx, magic, ICMSG_MAGIC_LENGTH);
	return written < 0 ? written : 0;
}

int icmsg_bond(struct icmsg *ic, void *scratch, uint32_t capacity, uint32_t *announced)
{
	int len = pbuf_read(&ic->rx, scratch, capacity);

	if (len <= 0)
		return len;
	*announced = (uint32_t)len;
	if (!is_magic(scratch, (uint32_t)len))
		return -EBADMSG;
	ic->state = ICMSG_READY;
	return 1;
}
