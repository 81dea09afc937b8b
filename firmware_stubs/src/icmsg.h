/*
 * ICMsg: one link over two packet buffers, magic bonding (unbound = disable, or detect with such a peer).
 *
 * Each side writes the magic as its first packet and becomes bound when it has read the other's; nothing is
 * acknowledged. Until then it rings again every repeat period, as Zephyr 3.6 to 4.0 does, and it rings once more when
 * it becomes bound, as Zephyr since 4.1 does. So it binds with both, whichever side starts first.
 *
 * State and packets only: no mailbox, no clock. Waiting and ringing are the caller's (link.c).
 */
#ifndef ICMSG_H
#define ICMSG_H

#include <stdint.h>

#include "pbuf.h"

#define ICMSG_MAGIC        {'E', 'm', '1', 'l', '1', 'K', '0', 'r', 'n', '3', 'l', 'i', '4'}
#define ICMSG_MAGIC_LENGTH 13u

enum icmsg_state { ICMSG_OFF = 0, ICMSG_BUSY = 1, ICMSG_READY = 2 };

struct icmsg {
	struct pbuf tx;		/* set both up with pbuf_init() before icmsg_open() */
	struct pbuf rx;
	enum icmsg_state state;
};

/*
 * Starts both buffers and writes the magic. Returns 0, or -ENOMEM where tx cannot hold the magic. Then enable the
 * mailbox's receive channel and ring: in this order a ring always announces a region that is ready.
 */
int icmsg_open(struct icmsg *ic);

/*
 * While BUSY, on a doorbell: takes one packet, into a scratch buffer of capacity bytes. Returns 1 if it was the magic
 * (the state is READY now: ring once), 0 if there was none, -EBADMSG if it was another (consumed; a later magic still
 * binds; *announced is its length), or what pbuf_read() refused.
 */
int icmsg_bond(struct icmsg *ic, void *scratch, uint32_t capacity, uint32_t *announced);

#endif
