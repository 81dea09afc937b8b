/*
 * The initiator's messages: size and content follow from the seed and the message's number, so that either side, or a
 * host, can make any of them without the others.
 *
 *     step(x):  x ^= x << 13;  x ^= x >> 17;  x ^= x << 5          (xorshift32, modulo 2^32)
 *     start(n): seed + n * 0x9E3779B9 modulo 2^32, or 0x6D2B79F5 if that is 0
 *
 *     x = step(start(n));  size = size_min + ((x * (size_max - size_min + 1)) >> 32)
 *     then, for each four bytes of payload: x = step(x), little-endian; of the last word only the bytes needed
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct payload {
	uint32_t seed;
	uint32_t size_min;
	uint32_t sizes;		/* how many: size_max - size_min + 1 */
};

/* Makes message n. Returns its size; words must have room for it rounded up to 4. */
uint32_t payload_make(const struct payload *p, uint32_t n, uint32_t *words);

/* True if the size bytes at words are message n, length and every byte. */
bool payload_is(const struct payload *p, uint32_t n, const uint32_t *words, uint32_t size);

#endif
