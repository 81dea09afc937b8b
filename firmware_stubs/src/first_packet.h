/* The first packet of a region from which nothing was read yet: how a side without sessions is recognised. */
#ifndef FIRST_PACKET_H
#define FIRST_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "pbuf.h"

/*
 * True if the packet at the start of data is exactly the n bytes at payload. Only memory decides, nothing is consumed:
 * whatever is no such packet, a corrupt index too, is simply false, because before the peer has started the region it
 * may hold anything.
 */
bool first_packet_is(const struct pbuf *pb, const uint8_t *payload, uint32_t n);

#endif
