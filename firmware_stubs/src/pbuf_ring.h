/* Arithmetic of the ring in a packet buffer, for those who look into one (pbuf.h has the layout). */
#ifndef PBUF_RING_H
#define PBUF_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "copy.h"

#define PACKET_HEADER 4u

static inline uint32_t round_up(uint32_t n)
{
	return (n + (WORD - 1u)) & ~(WORD - 1u);
}

static inline uint32_t wrap(uint32_t idx, uint32_t len)
{
	return idx >= len ? idx - len : idx;
}

static inline bool corrupt(uint32_t idx, uint32_t len)
{
	return idx % WORD != 0u || idx >= len;
}

static inline uint32_t occupied(uint32_t wr, uint32_t rd, uint32_t len)
{
	return wr >= rd ? wr - rd : len - (rd - wr);
}

/* A length as it lies in the header word: two bytes big-endian, then two that are zero; a reader ignores those. */
static inline uint32_t swap_length(uint32_t n)
{
	return __builtin_bswap16((uint16_t)n);
}

#endif
