/*
 * Blocks of ICBMsg: how a region is divided, which of this side's blocks are in use, and messages in them. The layout
 * is that of docs/icbmsg.md, for all three generations.
 *
 * A message takes a run of blocks in a row: a header of 4 bytes, then the payload. The header is the size of the
 * payload; in the rework size (16 bits), number of the block, and number of the endpoint. What a peer has written is
 * checked before use. No hardware here.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "generation.h"

#define BLOCKS_MAX   (REWORK ? 32u : 256u)
#define BLOCK_HEADER 4u

/* One direction's region. */
struct blocks {
	uint8_t *region;	/* where what is used of it begins */
	uint32_t before;	/* bytes from there to the blocks: in the older generations an ICMsg region */
	uint32_t queue;		/* rework: bytes of one of its two queues */
	uint8_t *first;		/* block 0 */
	uint32_t size;		/* bytes of a block */
	uint32_t count;
};

/* This side's blocks: how many the message has that begins at a block, 0 where none does. */
struct block_pool {
	uint16_t run[BLOCKS_MAX];
	bool used[BLOCKS_MAX];
};

/*
 * Divides the region of size bytes at address, with local blocks where the other direction has remote ones; touches no
 * memory. Returns 0, or -EINVAL where Zephyr's build would fail.
 */
int blocks_init(struct blocks *b, uint32_t address, uint32_t size, uint32_t local, uint32_t remote,
		uint32_t dcache_alignment, uint32_t generation, uint32_t slots);

/* Bytes of the longest message. */
uint32_t blocks_longest(const struct blocks *b);

/*
 * Takes a run of blocks for a message of n bytes, which is at most blocks_longest(): the first run that fits, in the
 * rework the shortest, from the top. Returns its first block, or -ENOMEM.
 */
int blocks_take(const struct blocks *b, struct block_pool *pool, uint32_t n);

/* Gives back the message that begins at block. Returns 0, or -EFAULT if none of this side's does. */
int blocks_give(const struct blocks *b, struct block_pool *pool, uint32_t block);

/* Writes a message into blocks that were taken. */
void blocks_write(const struct blocks *b, uint32_t block, uint32_t header, const void *data, uint32_t n);

/*
 * Looks at the message of the peer at block. Returns its size and, where header is not NULL, the header; or -EINVAL,
 * if there is no such block, or the size runs past the last one.
 */
int blocks_look(const struct blocks *b, uint32_t block, uint32_t *header);

/* Where the payload of the message at block is. */
const uint8_t *blocks_payload(const struct blocks *b, uint32_t block);

/* Copies the payload, of n bytes by blocks_look(). */
void blocks_read(const struct blocks *b, uint32_t block, void *buffer, uint32_t n);

#endif
