#include "session.h"

#include "errno_zephyr.h"
#include "first_packet.h"

#define NOBODY   0u
#define SID_MASK 0xFFFFu

static const uint8_t magic[ICMSG_MAGIC_LENGTH] = ICMSG_MAGIC;

/* Barriers: pbuf_tx_init(), pbuf_read() and ringing end or begin with one, which orders the words as well. */

static uint32_t requested(uint32_t word)
{
	return word & SID_MASK;
}

static uint32_t acknowledged(uint32_t word)
{
	return word >> 16;
}

/* Any id will do but nobody's and the one that the peer may still acknowledge. Zephyr counts on from the peer's. */
static uint32_t next_sid(uint32_t peer_word)
{
	uint32_t sid = requested(peer_word);

	do
		sid = (sid + 1u) & SID_MASK;
	while (sid == NOBODY || sid == acknowledged(peer_word));
	return sid;
}

void session_init(struct session *s, struct icmsg *ic, bool detect)
{
	*s = (struct session){
		.ic = ic,
		.own_word = ic->rx.rd_idx + 1,
		.peer_word = ic->tx.rd_idx + 1,
		.detect = detect,
	};
}

void session_open(struct session *s)
{
	s->state = s->detect ? SESSION_INITIALIZING_SID_DETECT : SESSION_INITIALIZING_SID_ENABLED;
	pbuf_rx_init(&s->ic->rx);
	s->local_sid = next_sid(*s->peer_word);
	s->remote_sid = NOBODY;
	*s->own_word = s->local_sid;
	s->ring = true;
}

/*
 * tx may be emptied for a new peer: it reads nothing before it is bound, and one that was bound looks at the session
 * id after each read.
 */
static void shake_hands(struct session *s)
{
	uint32_t word = *s->peer_word;

	if (requested(word) != NOBODY && requested(word) != s->remote_sid) {
		s->remote_sid = requested(word);
		pbuf_tx_init(&s->ic->tx);
		*s->own_word = s->remote_sid << 16 | s->local_sid;
		s->ring = true;
	}
	if (acknowledged(word) == s->local_sid && s->remote_sid != NOBODY) {
		s->state = SESSION_CONNECTED_SID_ENABLED;
		s->ring = true;
	}
}

/* The handshake word that was written meanwhile lies in padding of a peer without sessions. */
static int fall_back_to_magic(struct session *s)
{
	int result = icmsg_open(s->ic);

	if (result != 0)
		return result;
	s->state = SESSION_INITIALIZING_SID_DISABLED;
	s->ring = true;
	return 1;
}

static int bond_by_magic(struct session *s, void *scratch, uint32_t capacity, uint32_t *announced)
{
	int result = icmsg_bond(s->ic, scratch, capacity, announced);

	if (result != 1)
		return result;
	s->state = SESSION_CONNECTED_SID_DISABLED;
	s->ring = true;
	return 0;
}

int session_bond(struct session *s, void *scratch, uint32_t capacity, uint32_t *announced)
{
	if (s->state == SESSION_INITIALIZING_SID_DISABLED)
		return bond_by_magic(s, scratch, capacity, announced);
	if (s->state == SESSION_INITIALIZING_SID_DETECT && first_packet_is(&s->ic->rx, magic, ICMSG_MAGIC_LENGTH))
		return fall_back_to_magic(s);
	if (session_is_opening(s))
		shake_hands(s);
	return 0;
}

bool session_peer_left(struct session *s)
{
	if (s->state != SESSION_CONNECTED_SID_ENABLED || requested(*s->peer_word) == s->remote_sid)
		return false;
	s->state = SESSION_DISCONNECTED;
	return true;
}

int session_read(struct session *s, void *buffer, uint32_t capacity)
{
	if (!session_is_bound(s))
		return 0;

	int len = pbuf_read(&s->ic->rx, buffer, capacity);
	return session_peer_left(s) ? 0 : len;
}

int session_write(struct session *s, const void *packet, uint32_t n)
{
	if (session_is_bound(s))
		return pbuf_write(&s->ic->tx, packet, n);
	return s->state == SESSION_DISCONNECTED ? (int)n : -EBUSY;
}

void session_close(struct session *s)
{
	*s->own_word = NOBODY;
	s->local_sid = NOBODY;
	s->remote_sid = NOBODY;
	s->state = SESSION_OFF;
	s->ring = true;
}
