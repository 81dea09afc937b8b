#include "payload.h"

static uint32_t step(uint32_t x)
{
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static uint32_t start(const struct payload *p, uint32_t n)
{
	uint32_t x = p->seed + n * 0x9E3779B9u;

	return step(x != 0u ? x : 0x6D2B79F5u);	/* 0 is the one value that step() never leaves */
}

static uint32_t size_from(const struct payload *p, uint32_t x)
{
	return p->size_min + (uint32_t)(((uint64_t)x * p->sizes) >> 32);
}

uint32_t payload_make(const struct payload *p, uint32_t n, uint32_t *words)
{
	uint32_t x = start(p, n);
	uint32_t size = size_from(p, x);

	for (uint32_t i = 0; i < (size + 3u) / 4u; i++) {
		x = step(x);
		words[i] = x;
	}
	return size;
}

bool payload_is(const struct payload *p, uint32_t n, const uint32_t *words, uint32_t size)
{
	uint32_t x = start(p, n);
	uint32_t difference = size ^ size_from(p, x);
	uint32_t last = size / 4u;

	for (uint32_t i = 0; i < last; i++) {
		x = step(x);
		difference |= words[i] ^ x;
	}
	if (size % 4u != 0u)
		difference |= (words[last] ^ step(x)) << (32u - 8u * (size % 4u));
	return difference == 0u;
}
