#include "blocks.h"

#include <stddef.h>

#include "barrier.h"
#include "copy.h"
#include "errno_zephyr.h"

#define CONTROL_MESSAGE 8u	/* packet header, three bytes, one to fill up */
#define QUEUE_HEADER    8u
#define BOUND_PACKET    16u	/* the rework's first one; it must fit into the blocks */
#define ALIGNMENT_MAX   0x10000u

static uint32_t up(uint32_t n, uint32_t unit)
{
	return (n + unit - 1u) & ~(unit - 1u);
}

static uint32_t blocks_of(const struct blocks *b, uint32_t n)
{
	return (n + BLOCK_HEADER + b->size - 1u) / b->size;
}

static uint8_t *at(const struct blocks *b, uint32_t block)
{
	return b->first + block * b->size;
}

int blocks_init(struct blocks *b, uint32_t address, uint32_t size, uint32_t local, uint32_t remote,
		uint32_t dcache_alignment, uint32_t generation, uint32_t slots)
{
	uint32_t a = dcache_alignment > WORD ? dcache_alignment : WORD;

	if ((a & (a - 1u)) != 0u || a > ALIGNMENT_MAX || local == 0u || local > BLOCKS_MAX || remote > BLOCKS_MAX)
		return -EINVAL;

	uint32_t begin = up(address, a);
	uint32_t end = (address + size) & ~(a - 1u);
	uint32_t unit = generation == GENERATION_4_1 ? WORD : a;

	b->count = local;
	b->queue = up(QUEUE_HEADER + slots, a);
	/* Indices, a message for each block of either side, and two that keep the buffer from being full. */
	b->before = REWORK ? 2u * b->queue : a + WORD + CONTROL_MESSAGE * (2u + local + remote);
	if (generation == GENERATION_4_1)
		b->before = up(b->before, a);
	if (begin < address || begin > end || end - begin <= b->before)
		return -EINVAL;
	b->size = (end - begin - b->before) / local & ~(unit - 1u);
	if (b->size < (generation == GENERATION_3_6 ? 2u * a : WORD))
		return -EINVAL;
	if (REWORK && blocks_longest(b) < BOUND_PACKET)
		return -EINVAL;
	b->before = end - begin - b->size * local;
	b->region = (uint8_t *)(uintptr_t)begin;
	b->first = b->region + b->before;
	return 0;
}

uint32_t blocks_longest(const struct blocks *b)
{
	uint32_t n = b->size * b->count - BLOCK_HEADER;

	return REWORK && n > 0xFFFFu ? 0xFFFFu : n;
}

static int first_fit(const struct blocks *b, const struct block_pool *pool, uint32_t n)
{
	uint32_t free = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		free = pool->used[i] ? 0u : free + 1u;
		if (free == n)
			return (int)(i + 1u - n);
	}
	return -ENOMEM;
}

static int best_fit(const struct blocks *b, const struct block_pool *pool, uint32_t n)
{
	uint32_t shortest = BLOCKS_MAX + 1u;
	int best = -ENOMEM;

	for (uint32_t end = b->count; end > 0u;) {
		uint32_t start = end;

		while (start > 0u && !pool->used[start - 1u])
			start--;
		if (end - start == n)
			return (int)start;
		if (end - start > n && end - start < shortest) {
			shortest = end - start;
			best = (int)start;
		}
		end = start > 0u ? start - 1u : 0u;	/* the block below is used */
	}
	return best;
}

int blocks_take(const struct blocks *b, struct block_pool *pool, uint32_t n)
{
	uint32_t count = blocks_of(b, n);
	int block = REWORK ? best_fit(b, pool, count) : first_fit(b, pool, count);

	if (block < 0)
		return block;
	pool->run[block] = (uint16_t)count;
	for (uint32_t i = 0; i < count; i++)
		pool->used[(uint32_t)block + i] = true;
	return block;
}

int blocks_give(const struct blocks *b, struct block_pool *pool, uint32_t block)
{
	if (block >= b->count || pool->run[block] == 0u)
		return -EFAULT;
	for (uint32_t i = 0; i < pool->run[block]; i++)
		pool->used[block + i] = false;
	pool->run[block] = 0;
	return 0;
}

void blocks_write(const struct blocks *b, uint32_t block, uint32_t header, const void *data, uint32_t n)
{
	uint8_t *to = at(b, block);

	*(volatile word *)to = header;
	copy(to + BLOCK_HEADER, data, n);
}

int blocks_look(const struct blocks *b, uint32_t block, uint32_t *header)
{
	if (block >= b->count)
		return -EINVAL;

	/* volatile: looked at once, because a hostile peer may change it between two looks. */
	uint32_t found = *(const volatile word *)at(b, block);
	uint32_t n = REWORK ? found & 0xFFFFu : found;

	if (n > (b->count - block) * b->size - BLOCK_HEADER)
		return -EINVAL;
	if (header != NULL)
		*header = found;
	return (int)n;
}

const uint8_t *blocks_payload(const struct blocks *b, uint32_t block)
{
	return at(b, block) + BLOCK_HEADER;
}

void blocks_read(const struct blocks *b, uint32_t block, void *buffer, uint32_t n)
{
	copy(buffer, blocks_payload(b, block), n);
	barrier();	/* it has been read before the blocks are given back */
}
