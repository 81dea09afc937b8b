/*
 * ICBMsg: up to ENDPOINTS endpoints, bound by name, over two regions with blocks. icbmsg.c is that of Zephyr 3.6 to
 * 4.4, icbmsg_rework.c that of later ones; one of them is in an image.
 *
 * Every endpoint that has a name is registered when the link opens. A message that is refused, because it is damaged or
 * for nobody, is counted in icmsg_stats and its blocks go back to the peer.
 *
 * State and memory only: no mailbox, no clock. Waiting and ringing are the caller's (link.c).
 */
#ifndef ICBMSG_H
#define ICBMSG_H

#include <stdbool.h>
#include <stdint.h>

#include "params.h"

#define ICBMSG_NOTHING 0xFFFFFFFFu

enum endpoint_state {
	ENDPOINT_UNUSED = 0,		/* it has no name */
	ENDPOINT_REGISTERED = 1,	/* the peer is to be told of it, or has to name it */
	ENDPOINT_NAMED = 2,		/* the peer was told, and has not answered */
	ENDPOINT_READY = 3,		/* bound */
};

/* The endpoints' states, for reading. */
extern enum endpoint_state icbmsg_states[ENDPOINTS];

/* True after an endpoint has become bound, or is not any more; the caller makes it false. */
extern bool icbmsg_changed;

/* True after something was written that the peer has to be rung for; the caller makes it false. */
extern bool icbmsg_ring;

/*
 * Takes the geometry and the endpoints of icmsg_params and icmsg_endpoints; touches no shared memory. Returns 0, or
 * -EINVAL with the byte offset of the word in icmsg_params that cannot work in *field.
 */
int icbmsg_init(const struct icmsg_params *p, const struct icmsg_endpoint *endpoints, uint32_t *field);

/* Bytes of the longest message that both directions take. */
uint32_t icbmsg_longest(void);

/* Initialises what this side writes, and writes what opens the link. Then listen, and ring. */
void icbmsg_open(void);

/* Rework: whether a peer has opened before this side did, so that its ring may be lost. */
bool icbmsg_peer_has_opened(void);

/* Takes everything that has come; after a doorbell. What binds is answered, messages wait for icbmsg_receive(). */
void icbmsg_look(void);

/* True once messages flow; before that, endpoints cannot be bound. */
bool icbmsg_is_bonded(void);

/* True while something that has to be written waits for room: look again, although nobody rings. */
bool icbmsg_waits(void);

/*
 * The next message, into buffer, which has room for the longest one. Returns its length and the endpoint, or
 * ICBMSG_NOTHING.
 */
uint32_t icbmsg_receive(uint32_t *endpoint, void *buffer);

/*
 * Sends at an endpoint. Returns n, or with nothing written -EBUSY (not bound), -ENOMEM (no room now), -EMSGSIZE (there
 * never is), -EINVAL (the peer broke its index).
 */
int icbmsg_send(uint32_t endpoint, const void *data, uint32_t n);

#endif
