/*
 * Sessions: how a link notices that its peer has left or restarted (Zephyr since 4.1, unbound = enable or detect).
 *
 * In each region its reader writes a handshake word, which outlives a reset in shared memory:
 *
 *   bits 15..0    session id of the reader, another one after each open; 0 = closed
 *   bits 31..16   the writer's session id, once the reader has seen it; 0 = not acknowledged
 *
 * So a side publishes itself in its rx region and finds the peer's word in its tx region. Each doorbell is answered
 * until both ids are acknowledged: no timer. Later a side that finds another id than the one it acknowledged is
 * DISCONNECTED: what it sends is dropped, and only opening again gets it out.
 *
 * With detect, a peer whose first packet is the magic gets the magic and no session (icmsg.h).
 *
 * State and memory only: no mailbox, no clock. After each call the caller rings the peer if ring is set, and clears it.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "icmsg.h"

/* Zephyr's names and numbers (since 4.1). */
enum session_state {
	SESSION_OFF = 0,
	SESSION_INITIALIZING_SID_DISABLED = 1,	/* detect: bonding by magic */
	SESSION_INITIALIZING_SID_ENABLED = 2,
	SESSION_INITIALIZING_SID_DETECT = 3,
	SESSION_DISCONNECTED = 4,
	SESSION_CONNECTED_SID_DISABLED = 5,	/* detect: bound by magic */
	SESSION_CONNECTED_SID_ENABLED = 6,
};

struct session {
	struct icmsg *ic;			/* its two buffers, and its magic */
	volatile uint32_t *own_word;
	volatile const uint32_t *peer_word;
	uint32_t local_sid;
	uint32_t remote_sid;			/* the one acknowledged; 0 = none */
	enum session_state state;
	bool detect;
	bool ring;				/* the peer waits for a doorbell */
};

/* For the buffers of ic, which pbuf_init() has described with sessions. Touches no memory but *s. */
void session_init(struct session *s, struct icmsg *ic, bool detect);

/*
 * Publishes a new session id, in any state: to the peer it looks like a restart. tx is left as it is until the peer
 * answers. Then enable the mailbox's receive channel before ringing.
 */
void session_open(struct session *s);

/*
 * While opening, on a doorbell. Returns 0: look at the state, or wait for the next doorbell; 1: ring, then call again;
 * or, bonding by magic, what icmsg_bond() refused, with the same use of scratch and *announced. Else does nothing.
 */
int session_bond(struct session *s, void *scratch, uint32_t capacity, uint32_t *announced);

/* While bound: true if the peer has closed or restarted; the state is DISCONNECTED then. */
bool session_peer_left(struct session *s);

/* As pbuf_read(), then session_peer_left(): if it has, the packet is lost and the result 0. Not bound: 0. */
int session_read(struct session *s, void *buffer, uint32_t capacity);

/* As pbuf_write(). While DISCONNECTED the packet is dropped and n returned; otherwise not bound: -EBUSY. */
int session_write(struct session *s, const void *packet, uint32_t n);

/* Withdraws the session id, so that the peer becomes unbound. After ringing, disable the receive channel. */
void session_close(struct session *s);

static inline bool session_is_opening(const struct session *s)
{
	return s->state >= SESSION_INITIALIZING_SID_DISABLED && s->state <= SESSION_INITIALIZING_SID_DETECT;
}

static inline bool session_is_bound(const struct session *s)
{
	return s->state >= SESSION_CONNECTED_SID_DISABLED;
}

#endif
