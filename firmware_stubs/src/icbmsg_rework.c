#include "icbmsg.h"

#include <stddef.h>

#include "barrier.h"
#include "blocks.h"
#include "copy.h"
#include "errno_zephyr.h"
#include "inbox.h"
#include "stats.h"

/*
 * A queue: two counts, then a byte for each slot. In each region the sender's is first (which block each message begins
 * at), the receiver's second (which of them it is done with).
 */
struct queue {
	volatile uint32_t *count;
	volatile uint32_t *high;	/* how many of them had high priority */
	volatile uint8_t *slots;
};

#define HIGH       0x80u
#define CONTROL    0xFFu	/* the endpoint of a control packet */
#define NO_ADDRESS 0xFFu
#define SLOTS_MAX  255u

static const uint32_t bound_magic[2] = {0x456789ABu, 0xAB896745u};

enum endpoint_state icbmsg_states[ENDPOINTS];
bool icbmsg_changed;
bool icbmsg_ring;

static struct blocks tx;
static struct blocks rx;
static struct block_pool pool;
static struct inbox inbox;
static struct queue sent;		/* what this side has sent, */
static struct queue returned;		/* and what of that the peer is done with */
static struct queue arrived;
static struct queue consumed;
static uint32_t slots;

static uint32_t sent_count;		/* private copies: the peer could write the shared ones */
static uint32_t high_count;
static uint32_t returned_count;
static uint32_t arrived_count;
static uint32_t consumed_count;
static bool opened;			/* the bound packet is under way */
static bool unsent = true;		/* that, or a name, is not */
static bool connected;

static uint32_t hashes[ENDPOINTS];
static uint32_t addresses[ENDPOINTS];	/* the peer's number for each endpoint, or NO_ADDRESS */

/* djb2 in its xor variant. */
static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (uint32_t i = 0; i < ENDPOINT_NAME_MAX && name[i] != '\0'; i++)
		hash = hash * 33u ^ (uint8_t)name[i];
	return hash;
}

static void queue_init(struct queue *q, uint8_t *at)
{
	q->count = (volatile uint32_t *)(void *)at;
	q->high = q->count + 1;
	q->slots = at + 8;
}

int icbmsg_init(const struct icmsg_params *p, const struct icmsg_endpoint *endpoints, uint32_t *field)
{
	uint32_t alignment = p->dcache_alignment;

	slots = p->slots;
	*field = offsetof(struct icmsg_params, slots);
	if (slots == 0u || slots > SLOTS_MAX)
		return -EINVAL;
	*field = offsetof(struct icmsg_params, tx_region);
	if (blocks_init(&tx, p->tx_region, p->tx_size, p->tx_blocks, p->rx_blocks, alignment, p->generation, slots) != 0)
		return -EINVAL;
	*field = offsetof(struct icmsg_params, rx_region);
	if (blocks_init(&rx, p->rx_region, p->rx_size, p->rx_blocks, p->tx_blocks, alignment, p->generation, slots) != 0)
		return -EINVAL;
	queue_init(&sent, tx.region);
	queue_init(&returned, tx.region + tx.queue);
	queue_init(&arrived, rx.region);
	queue_init(&consumed, rx.region + rx.queue);
	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		hashes[i] = hash_of(endpoints[i].name);
		addresses[i] = NO_ADDRESS;
		icbmsg_states[i] = endpoints[i].name[0] != '\0' ? ENDPOINT_REGISTERED : ENDPOINT_UNUSED;
	}
	return 0;
}

uint32_t icbmsg_longest(void)
{
	uint32_t there = blocks_longest(&tx);
	uint32_t back = blocks_longest(&rx);

	return there < back ? there : back;
}

bool icbmsg_is_bonded(void)
{
	return connected;
}

/* Frees what the peer is done with; it does not ring for that. */
static void collect(void)
{
	if (!connected)
		return;		/* nobody has initialised what would be read */

	uint32_t count = *returned.count;
	if (count - returned_count > sent_count - returned_count) {
		stats_error(-EINVAL, SITE_SEND, count);
		return;
	}
	barrier();	/* the entries are read after the count that covers them */
	for (; returned_count != count; returned_count++) {
		uint32_t block = returned.slots[returned_count % slots];

		if (blocks_give(&tx, &pool, block) != 0)
			stats_error(-EFAULT, SITE_BLOCK, block);
	}
}

/* Sends a message to the peer's endpoint address. Returns n, or -ENOMEM. */
static int try_to_send(uint32_t address, const void *data, uint32_t n)
{
	if (sent_count - returned_count == slots)
		return -ENOMEM;

	int block = blocks_take(&tx, &pool, n);
	if (block < 0)
		return block;
	blocks_write(&tx, (uint32_t)block, n | (uint32_t)block << 16 | address << 24, data, n);

	bool high = address == CONTROL;
	sent.slots[sent_count % slots] = (uint8_t)((uint32_t)block | (high ? HIGH : 0u));
	sent_count++;
	barrier();	/* message and slot before the counts that publish them */
	if (high)
		*sent.high = ++high_count;
	*sent.count = sent_count;
	icbmsg_ring = true;
	return (int)n;
}

static int send(uint32_t address, const void *data, uint32_t n)
{
	int result = try_to_send(address, data, n);

	if (result == -ENOMEM) {
		collect();
		result = try_to_send(address, data, n);
	}
	return result;
}

static void bind(uint32_t endpoint)
{
	if (icbmsg_states[endpoint] != ENDPOINT_NAMED || addresses[endpoint] == NO_ADDRESS)
		return;
	icbmsg_states[endpoint] = ENDPOINT_READY;
	icbmsg_changed = true;
}

/* Sends the bound packet, then the name of each endpoint: as many as there is room for. */
static void open_up(void)
{
	if (!opened) {
		const uint32_t packet[4] = {bound_magic[0], bound_magic[1], tx.count, rx.count};

		if (send(CONTROL, packet, sizeof(packet)) < 0)
			return;
		opened = true;
	}
	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		const uint32_t packet[2] = {i << 8 | hashes[i] << 16, hashes[i] >> 16};	/* 00, slot, hash */

		if (icbmsg_states[i] != ENDPOINT_REGISTERED)
			continue;
		if (send(CONTROL, packet, 6) < 0)
			return;
		icbmsg_states[i] = ENDPOINT_NAMED;
		bind(i);
	}
	unsent = false;
}

void icbmsg_open(void)
{
	*sent.count = 0;
	*sent.high = 0;
	*consumed.count = 0;
	*consumed.high = 0;
	barrier();
	open_up();
}

static void consume(uint32_t block)
{
	consumed.slots[consumed_count % slots] = (uint8_t)block;
	consumed_count++;
	barrier();
	*consumed.count = consumed_count;
}

static void refuse(int error, enum error_site site, uint32_t detail, uint32_t block)
{
	stats_error(error, site, detail);
	if (block < rx.count)
		consume(block);
}

/* Whether the message at block is a bound packet that fits. */
static bool is_bound_packet(uint32_t block, uint32_t n)
{
	const word *packet = (const word *)(const void *)blocks_payload(&rx, block);

	return n >= 16u && packet[0] == bound_magic[0] && packet[1] == bound_magic[1] && packet[2] == rx.count
		&& packet[3] == tx.count;
}

/*
 * What an earlier run left is no peer: one that has opened first cannot have consumed anything of this one, whose
 * counts this side has just written as 0.
 */
bool icbmsg_peer_has_opened(void)
{
	uint32_t count = *arrived.count;
	uint32_t header;

	if (*returned.count != 0u || count == 0u || count > slots)
		return false;

	uint32_t block = arrived.slots[0] & ~HIGH;
	int n = blocks_look(&rx, block, &header);

	return n > 0 && header >> 24 == CONTROL && is_bound_packet(block, (uint32_t)n);
}

static void take_name(uint32_t address, uint32_t hash)
{
	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		if (icbmsg_states[i] == ENDPOINT_UNUSED || hashes[i] != hash)
			continue;
		if (addresses[i] != NO_ADDRESS || address >= CONTROL)
			stats_error(-EINVAL, SITE_ENDPOINT, address);	/* the name twice */
		else
			addresses[i] = address;
		bind(i);
		return;
	}
	/* A name that nobody has here waits for an endpoint that will not come. */
}

/* The peer has taken an endpoint away. It is registered anew at once, for a peer that does so, too. */
static void take_unbound(uint32_t endpoint)
{
	if (endpoint >= ENDPOINTS || icbmsg_states[endpoint] != ENDPOINT_READY) {
		stats_error(-EINVAL, SITE_ENDPOINT, endpoint);
		return;
	}
	addresses[endpoint] = NO_ADDRESS;
	icbmsg_states[endpoint] = ENDPOINT_REGISTERED;
	icbmsg_changed = unsent = true;
}

static void take_control(uint32_t block, uint32_t n)
{
	const word *packet = (const word *)(const void *)blocks_payload(&rx, block);

	if (!connected) {
		connected = is_bound_packet(block, n);
		if (!connected)
			stats_error(-EBADMSG, SITE_BOND, n);
	} else if (n >= 6u && (packet[0] & 0xFFu) == 0u) {
		take_name(packet[0] >> 8 & 0xFFu, packet[0] >> 16 | packet[1] << 16);
	} else if (n >= 2u && (packet[0] & 0xFFu) == 1u) {
		take_unbound(packet[0] >> 8 & 0xFFu);
	} else {
		stats_error(-EBADMSG, SITE_BOND, n);	/* such as a bound packet: the peer has started over alone */
	}
	barrier();	/* it has been read before it is given back */
	consume(block);
}

static void take_message(uint32_t block)
{
	uint32_t header = 0;
	int n = blocks_look(&rx, block, &header);
	uint32_t endpoint = header >> 24;

	if (n < 0 || (header >> 16 & 0xFFu) != block)
		refuse(-EINVAL, SITE_BLOCK, block, block);
	else if (endpoint == CONTROL)
		take_control(block, (uint32_t)n);
	else if (endpoint >= ENDPOINTS || icbmsg_states[endpoint] != ENDPOINT_READY)
		refuse(-EINVAL, SITE_ENDPOINT, endpoint, block);
	else if (!inbox_put(&inbox, endpoint, block))
		refuse(-EINVAL, SITE_BLOCK, block, BLOCKS_MAX);
}

void icbmsg_look(void)
{
	uint32_t count = *arrived.count;
	uint32_t new = count - arrived_count;
	uint8_t entries[SLOTS_MAX];

	if (new > slots) {
		stats_error(-EINVAL, SITE_RECEIVE, count);	/* the peer has started over alone, or has other slots */
		return;
	}
	barrier();	/* the entries are read after the count that covers them */
	for (uint32_t i = 0; i < new; i++)
		entries[i] = arrived.slots[(arrived_count + i) % slots];
	arrived_count = count;
	for (uint32_t i = 0; i < new; i++) {
		if (entries[i] & HIGH)
			take_message(entries[i] & ~HIGH);
	}
	for (uint32_t i = 0; i < new; i++) {
		if (!(entries[i] & HIGH))
			take_message(entries[i]);
	}
	if (unsent)
		open_up();
}

bool icbmsg_waits(void)
{
	return unsent;
}

uint32_t icbmsg_receive(uint32_t *endpoint, void *buffer)
{
	uint32_t block;

	while (inbox_take(&inbox, endpoint, &block)) {
		int n = blocks_look(&rx, block, NULL);

		if (n < 0) {
			refuse(-EINVAL, SITE_BLOCK, block, block);
			continue;
		}
		blocks_read(&rx, block, buffer, (uint32_t)n);
		consume(block);
		return (uint32_t)n;
	}
	return ICBMSG_NOTHING;
}

int icbmsg_send(uint32_t endpoint, const void *data, uint32_t n)
{
	if (icbmsg_states[endpoint] != ENDPOINT_READY)
		return -EBUSY;
	if (n > blocks_longest(&tx))
		return -EMSGSIZE;

	int sent_bytes = send(addresses[endpoint], data, n);

	collect();
	return sent_bytes;
}
