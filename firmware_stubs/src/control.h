/* Control messages of ICBMsg in Zephyr 3.6 to 4.4: packets of three bytes in the packet buffers of an ICMsg instance. */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdint.h>

#include "pbuf.h"

enum control_type {
	CONTROL_DATA = 0,		/* a message for that endpoint begins at that block of the sender */
	CONTROL_RELEASE_DATA = 1,	/* the message at that block of the receiver is done with; endpoint 0 */
	CONTROL_BOUND = 2,		/* initiator to follower: that endpoint's name lies at that block */
	CONTROL_RELEASE_BOUND = 3,	/* follower to initiator: the endpoint is bound, the block free */
};

#define CONTROL_LENGTH 3u

/* The three bytes in a word, as they lie in memory. */
static inline uint32_t control_word(enum control_type type, uint32_t endpoint, uint32_t block)
{
	return (uint32_t)type | endpoint << 8 | block << 16;
}

/* Appends one; returns as pbuf_write() does. */
int control_write(struct pbuf *pb, uint32_t message);

/*
 * Takes the next packet: its first bytes, in a word, because of a longer one they count. Returns the packet's length, 0
 * if there is none, or, with nothing consumed, what pbuf_read() returns for a corrupt buffer.
 */
int control_read(struct pbuf *pb, uint32_t *message);

#endif
