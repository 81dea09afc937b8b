/* Copying between shared memory and buffers, by words. */
#ifndef COPY_H
#define COPY_H

#include <stdint.h>

#define WORD 4u

/*
 * Copies go by words. The region's side is aligned; the caller's need not be, and may hold any type. On RISC-V it has
 * to be aligned, because the core need not take other accesses; the programs' buffers are.
 */
#ifdef __riscv
typedef uint32_t __attribute__((may_alias)) word;
#else
typedef uint32_t __attribute__((may_alias, aligned(1))) word;
#endif

/* The last 1 to 3 bytes go one by one: the pad behind a packet is never written. */
__attribute__((noinline, unused)) static void copy(uint8_t *to, const uint8_t *from, uint32_t n)
{
	for (; n >= 4u * WORD; n -= 4u * WORD, to += 4u * WORD, from += 4u * WORD) {
		((word *)to)[0] = ((const word *)from)[0];
		((word *)to)[1] = ((const word *)from)[1];
		((word *)to)[2] = ((const word *)from)[2];
		((word *)to)[3] = ((const word *)from)[3];
	}
	for (; n >= WORD; n -= WORD, to += WORD, from += WORD)
		*(word *)to = *(const word *)from;
	for (; n > 0u; n--)
		*to++ = *from++;
}

#endif
