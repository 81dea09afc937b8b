/*
 * The link as a program uses it: parameters, bonding, sleeping, counting. One link per program.
 *
 * A program's life:
 *     link_init("name");
 *     for (;;) {
 *         link_bond();
 *         while (link_is_bound()) {
 *             take everything that is there with link_receive(), answer with link_send(), one packet per turn;
 *             link_ring();
 *             link_sleep(false);
 *         }
 *         forget what was under way;
 *     }
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "params.h"
#include "unbound.h"

/* icmsg_params as read at start; valid after link_init(). */
extern struct icmsg_params link_params;

/* The message received last, or one to be sent: the programs never need two at once. */
extern uint32_t link_buffer[REGION_SIZE_MAX / sizeof(uint32_t)];

/* ICBMsg: the endpoint of the message received last, or of one to be sent. */
extern uint32_t link_endpoint;

/* ICBMsg: icmsg_endpoints as read at start. */
extern struct icmsg_endpoint link_endpoints[];

/* What link_receive() returns when there is no message: ICBMsg has messages without a byte. */
#define LINK_NOTHING (BLOCKS ? 0xFFFFFFFFu : 0u)

/* Prints "<name>: up" and reads icmsg_params. Touches no shared memory. Does not return if they cannot work. */
void link_init(const char *name);

/*
 * Says on the console and in icmsg_stats that icmsg_params cannot work; field is the byte offset of the word to mend.
 * Sleeps for ever.
 */
__attribute__((noreturn)) void link_refuse(uint32_t field);

/* Largest message that both regions take, in bytes. */
uint32_t link_capacity(void);

/*
 * Opens, sleeps and rings until bound, prints "<name>: bound". With ICBMsg that is until endpoints can be bound; what
 * they are is said when it is so, "<name>: <endpoint> bound". With sessions it first prints "<name>: unbound" if the
 * peer has left; if the host has had the link closed, it first sleeps until the host wants it open.
 */
void link_bond(void);

/* Whether a session is there; see link_is_bound(). */
bool link_has_session(void);

/* False once the peer has left or the host has had the link closed: call link_bond() again. */
static inline bool link_is_bound(void)
{
	return !SESSIONS || link_has_session();
}

/* ICBMsg: whether an endpoint is bound, so that it can send. */
bool link_endpoint_is_bound(uint32_t endpoint);

/*
 * The next message, into link_buffer. Returns its length; LINK_NOTHING if there is none, if the link is no longer bound, or if the
 * peer's index or length is corrupt: that is counted in icmsg_stats, and the link goes on when they make sense again.
 */
uint32_t link_receive(void);

/*
 * Sends. Returns false if not now: no room, or a corrupt index, or the peer has left. Then try again after
 * link_sleep(true) while the link is bound. A message that never fits, and one at an endpoint of ICBMsg that is not
 * bound, is dropped and counted. Once the peer has left, a message is dropped and nobody is told, as in
 * Zephyr.
 */
bool link_send(const void *data, uint32_t len);

/* Rings, if anything was sent since the last ring. */
void link_ring(void);

/*
 * Sleeps until the peer rings. With look_again also until the repeat period is over: a peer that frees room does not
 * ring. Then does what the host asks for (command.h). Not bound: returns at once.
 */
void link_sleep(bool look_again);

#endif
