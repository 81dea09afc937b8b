/* Messages that have come and were not received yet, in order: endpoint and block of each. */
#ifndef INBOX_H
#define INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "blocks.h"

#define INBOX_MAX BLOCKS_MAX	/* a peer has no more messages under way than blocks */

struct inbox {
	uint16_t messages[INBOX_MAX];	/* endpoint << 8 | block */
	uint32_t first;
	uint32_t count;
};

/* Returns false if it is full: then the peer has sent what it has not. */
static inline bool inbox_put(struct inbox *in, uint32_t endpoint, uint32_t block)
{
	if (in->count == INBOX_MAX)
		return false;
	in->messages[(in->first + in->count++) % INBOX_MAX] = (uint16_t)(endpoint << 8 | block);
	return true;
}

/* Returns false if there is none. */
static inline bool inbox_take(struct inbox *in, uint32_t *endpoint, uint32_t *block)
{
	if (in->count == 0u)
		return false;
	*endpoint = in->messages[in->first] >> 8;
	*block = in->messages[in->first] & 0xFFu;
	in->first = (in->first + 1u) % INBOX_MAX;
	in->count--;
	return true;
}

#endif
