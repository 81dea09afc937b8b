#include "icbmsg.h"

#include <stddef.h>

#include "blocks.h"
#include "control.h"
#include "errno_zephyr.h"
#include "icmsg.h"
#include "inbox.h"
#include "link.h"
#include "stats.h"

#define NOBODY ENDPOINTS
#define OWED_MAX (BLOCKS_MAX + ENDPOINTS)

enum endpoint_state icbmsg_states[ENDPOINTS];
bool icbmsg_changed;
bool icbmsg_ring;

static struct icmsg control;		/* the ICMsg instance below */
static struct blocks tx;
static struct blocks rx;
static struct block_pool pool;
static struct inbox inbox;
static bool initiator;			/* this side numbers the endpoints, by their place in the table */
static bool unsent;			/* names were not sent yet */

static char names[ENDPOINTS][ENDPOINT_NAME_MAX];
static uint32_t lengths[ENDPOINTS];	/* of the names, with their NUL */
static uint32_t numbers[ENDPOINTS];	/* what each endpoint is called on the wire */
static uint32_t by_number[ENDPOINTS];	/* the endpoint of each number, or NOBODY */
static uint32_t name_blocks[ENDPOINTS];	/* initiator: where the name lies while NAMED, and after that until it is back */

/* Releases that could not be sent, because the peer broke its index: they must not get lost. */
static uint32_t owed[OWED_MAX];
static uint32_t owed_first;
static uint32_t owed_count;

static void take_name(uint32_t endpoint, const char *name)
{
	uint32_t n = 0;

	while (n + 1u < ENDPOINT_NAME_MAX && name[n] != '\0') {
		names[endpoint][n] = name[n];
		n++;
	}
	lengths[endpoint] = n + 1u;
	icbmsg_states[endpoint] = n > 0u ? ENDPOINT_REGISTERED : ENDPOINT_UNUSED;
	numbers[endpoint] = endpoint;
	by_number[endpoint] = initiator && n > 0u ? endpoint : NOBODY;
	name_blocks[endpoint] = BLOCKS_MAX;
}

int icbmsg_init(const struct icmsg_params *p, const struct icmsg_endpoint *endpoints, uint32_t *field)
{
	uint32_t alignment = p->dcache_alignment;

	*field = offsetof(struct icmsg_params, tx_region);
	if (blocks_init(&tx, p->tx_region, p->tx_size, p->tx_blocks, p->rx_blocks, alignment, p->generation, 0) != 0)
		return -EINVAL;
	if (pbuf_init(&control.tx, tx.region, tx.before, alignment, false) != 0)
		return -EINVAL;
	*field = offsetof(struct icmsg_params, rx_region);
	if (blocks_init(&rx, p->rx_region, p->rx_size, p->rx_blocks, p->tx_blocks, alignment, p->generation, 0) != 0)
		return -EINVAL;
	if (pbuf_init(&control.rx, rx.region, rx.before, alignment, false) != 0)
		return -EINVAL;
	initiator = rx.first < tx.first;
	unsent = initiator;
	for (uint32_t i = 0; i < ENDPOINTS; i++)
		take_name(i, endpoints[i].name);
	return 0;
}

uint32_t icbmsg_longest(void)
{
	uint32_t there = blocks_longest(&tx);
	uint32_t back = blocks_longest(&rx);

	return there < back ? there : back;
}

void icbmsg_open(void)
{
	int result;

	/* The magic fits into any layout, so this repeats only while somebody writes rd_idx in the very moment. */
	while ((result = icmsg_open(&control)) != 0)
		stats_error(result, SITE_SEND, *control.tx.rd_idx);
}

bool icbmsg_is_bonded(void)
{
	return control.state == ICMSG_READY;
}

bool icbmsg_peer_has_opened(void)
{
	return false;	/* its ring is repeated */
}

static void bind(uint32_t endpoint)
{
	if (icbmsg_states[endpoint] == ENDPOINT_READY)
		return;
	icbmsg_states[endpoint] = ENDPOINT_READY;
	icbmsg_changed = true;
}

static int send_control(uint32_t message)
{
	int result = control_write(&control.tx, message);

	if (result > 0)
		icbmsg_ring = true;
	return result;
}

static void owe(uint32_t message)
{
	if (owed_count == OWED_MAX) {
		stats_error(-ENOMEM, SITE_SEND, message);
		return;
	}
	owed[(owed_first + owed_count++) % OWED_MAX] = message;
}

static void pay(void)
{
	while (owed_count > 0u && send_control(owed[owed_first]) > 0) {
		owed_first = (owed_first + 1u) % OWED_MAX;
		owed_count--;
	}
}

static void release(uint32_t message)
{
	int result = owed_count == 0u ? send_control(message) : -EAGAIN;

	if (result > 0)
		return;
	if (result != -EAGAIN)
		stats_error(result, SITE_SEND, *control.tx.rd_idx);
	owe(message);
}

/* Counts what is refused, and gives the peer its block back. */
static void refuse(enum error_site site, uint32_t detail, uint32_t block)
{
	stats_error(-EINVAL, site, detail);
	if (block < rx.count)
		release(control_word(CONTROL_RELEASE_DATA, 0, block));
}

static void take_data(uint32_t number, uint32_t block)
{
	uint32_t endpoint = by_number[number];

	if (endpoint == NOBODY || icbmsg_states[endpoint] < ENDPOINT_NAMED) {
		refuse(SITE_ENDPOINT, number, block);
		return;
	}
	if (block >= rx.count || !inbox_put(&inbox, endpoint, block)) {
		stats_error(-EINVAL, SITE_BLOCK, block);
		return;
	}
	bind(endpoint);		/* data that comes first says so, too */
}

static void take_back(uint32_t block)
{
	if (blocks_give(&tx, &pool, block) != 0) {
		stats_error(-EFAULT, SITE_BLOCK, block);
		return;
	}
	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		if (name_blocks[i] == block) {	/* the peer refuses to bind it */
			name_blocks[i] = BLOCKS_MAX;
			stats_error(-EINVAL, SITE_ENDPOINT, i);
		}
	}
}

static bool is_name(uint32_t endpoint, const uint8_t *text, uint32_t n)
{
	if (icbmsg_states[endpoint] != ENDPOINT_REGISTERED || n != lengths[endpoint])
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (text[i] != (uint8_t)names[endpoint][i])
			return false;
	}
	return true;
}

/* A name that no endpoint has stays where it is, unanswered. */
static void take_bound(uint32_t number, uint32_t block)
{
	int n = blocks_look(&rx, block, NULL);

	if (n < 0) {
		refuse(SITE_BLOCK, block, block);
		return;
	}
	if (initiator || by_number[number] != NOBODY) {
		refuse(SITE_ENDPOINT, number, block);
		return;
	}
	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		if (is_name(i, blocks_payload(&rx, block), (uint32_t)n)) {
			numbers[i] = number;
			by_number[number] = i;
			bind(i);
			release(control_word(CONTROL_RELEASE_BOUND, number, block));
			return;
		}
	}
}

static void take_release_bound(uint32_t number, uint32_t block)
{
	if (!initiator || icbmsg_states[number] < ENDPOINT_NAMED || name_blocks[number] != block) {
		stats_error(-EINVAL, SITE_ENDPOINT, number);
		return;
	}
	name_blocks[number] = BLOCKS_MAX;
	(void)blocks_give(&tx, &pool, block);
	bind(number);
}

static void take_message(uint32_t message, uint32_t n)
{
	uint32_t type = message & 0xFFu;
	uint32_t number = message >> 8 & 0xFFu;
	uint32_t block = message >> 16 & 0xFFu;

	if (n < CONTROL_LENGTH) {
		stats_error(-EINVAL, SITE_RECEIVE, *control.rx.wr_idx);
	} else if (n == ICMSG_MAGIC_LENGTH && (uint8_t)message == 'E') {
		stats_error(-EBADMSG, SITE_BOND, n);	/* the magic again: the peer has started over alone */
	} else if (number >= ENDPOINTS) {
		refuse(SITE_ENDPOINT, number, type == CONTROL_DATA || type == CONTROL_BOUND ? block : BLOCKS_MAX);
	} else if (type == CONTROL_DATA) {
		take_data(number, block);
	} else if (type == CONTROL_RELEASE_DATA) {
		take_back(block);
	} else if (type == CONTROL_BOUND) {
		take_bound(number, block);
	} else if (type == CONTROL_RELEASE_BOUND) {
		take_release_bound(number, block);
	}
	/* Other types are for later versions of the protocol. */
}

static int announce(uint32_t type, uint32_t number, const void *data, uint32_t n)
{
	int block = blocks_take(&tx, &pool, n);

	if (block < 0)
		return block;
	blocks_write(&tx, (uint32_t)block, n, data, n);

	int result = send_control(control_word(type, number, (uint32_t)block));
	if (result < 0) {
		(void)blocks_give(&tx, &pool, (uint32_t)block);
		return result;
	}
	return block;
}

static void send_names(void)
{
	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		if (icbmsg_states[i] != ENDPOINT_REGISTERED)
			continue;
		int block = announce(CONTROL_BOUND, i, names[i], lengths[i]);
		if (block < 0)
			return;
		name_blocks[i] = (uint32_t)block;
		icbmsg_states[i] = ENDPOINT_NAMED;
	}
	unsent = false;
}

static void bond(void)
{
	uint32_t announced;
	int result;

	while ((result = icmsg_bond(&control, link_buffer, sizeof(link_buffer), &announced)) == -EBADMSG)
		stats_error(-EBADMSG, SITE_BOND, announced);
	if (result < 0)
		stats_error(result, SITE_RECEIVE, *control.rx.wr_idx);
}

void icbmsg_look(void)
{
	uint32_t message;
	int n;

	if (!icbmsg_is_bonded())
		bond();
	if (!icbmsg_is_bonded())
		return;
	pay();
	while ((n = control_read(&control.rx, &message)) > 0)
		take_message(message, (uint32_t)n);
	if (n < 0)
		stats_error(n, SITE_RECEIVE, *control.rx.wr_idx);
	if (unsent)
		send_names();
}

bool icbmsg_waits(void)
{
	return unsent || owed_count != 0u;
}

uint32_t icbmsg_receive(uint32_t *endpoint, void *buffer)
{
	uint32_t block;

	while (inbox_take(&inbox, endpoint, &block)) {
		int n = blocks_look(&rx, block, NULL);

		if (n < 0) {
			refuse(SITE_BLOCK, block, block);
			continue;
		}
		blocks_read(&rx, block, buffer, (uint32_t)n);
		release(control_word(CONTROL_RELEASE_DATA, 0, block));
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

	int result = announce(CONTROL_DATA, numbers[endpoint], data, n);
	if (result == -ENOMEM) {
		icbmsg_look();	/* releases may lie there */
		result = announce(CONTROL_DATA, numbers[endpoint], data, n);
	}
	return result < 0 ? result : (int)n;
}
