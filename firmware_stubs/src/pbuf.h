/*
 * Packet buffer: one region of shared memory, one direction. Wire layout of Zephyr since 3.6.
 *
 *   offset 0           rd_idx          written by the reader
 *   offset 4           handshake word  only with sessions (Zephyr since 4.1, unbound = enable or detect)
 *   offset W           wr_idx          written by the writer; W = max(dcache-alignment, 4), with sessions max(.., 8)
 *   offset W + 4       data, L bytes   packets: u16 big-endian length, two zero bytes, payload, pad to 4
 *
 * Indices are byte offsets into data, multiples of 4, smaller than L. One word of data always stays free, so
 * "empty" is wr_idx == rd_idx. A header never wraps, a payload may.
 *
 * Each side trusts only its private copy of the index it owns. The other side's index is checked before use, also for
 * range, which Zephyr does not do: a corrupt index is -EINVAL, nothing is written and nothing is consumed.
 *
 * No hardware here: the region is a pointer, the only thing asked of the CPU is a barrier. Runs on a host as well.
 */
#ifndef PBUF_H
#define PBUF_H

#include <stdbool.h>
#include <stdint.h>

struct pbuf {
	volatile uint32_t *rd_idx;
	volatile uint32_t *wr_idx;
	uint8_t *data;
	uint32_t len;		/* L: bytes of data */
	uint32_t own;		/* private copy: the writer's wr_idx, the reader's rd_idx */
};

/*
 * Describes the region of size bytes at address; touches no memory. Returns 0, or -EINVAL where Zephyr's build or init
 * would refuse: a misaligned region, too small, or sessions with a dcache_alignment below 8.
 */
int pbuf_init(struct pbuf *pb, void *region, uint32_t size, uint32_t dcache_alignment, bool sessions);

/* Largest payload that an empty buffer takes. */
uint32_t pbuf_capacity(const struct pbuf *pb);

/* The writer starts with an empty buffer: both shared indices become 0. */
void pbuf_tx_init(struct pbuf *pb);

/* The reader starts at index 0. Writes nothing to the region. */
void pbuf_rx_init(struct pbuf *pb);

/*
 * Appends a packet of n bytes. Returns n or, with nothing written, -EINVAL (n is 0 or above 65535, or the peer's
 * rd_idx is corrupt) or -ENOMEM (no room).
 */
int pbuf_write(struct pbuf *pb, const void *packet, uint32_t n);

/*
 * Takes the next packet into buffer. Returns its length, 0 if there is none, or, with nothing consumed, -EINVAL (the
 * peer's wr_idx is corrupt, or a length of 0), -ENOMEM (longer than capacity), -EAGAIN (wr_idx does not cover it).
 * With buffer NULL: returns the length that the next packet announces, consumes nothing.
 */
int pbuf_read(struct pbuf *pb, void *buffer, uint32_t capacity);

#endif
