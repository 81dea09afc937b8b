#include "link.h"

#include <stddef.h>

#include "command.h"
#include "endpoints.h"
#include "errno_zephyr.h"
#include "icbmsg.h"
#include "icmsg.h"
#include "mbox.h"
#include "repeat_timer.h"
#include "session.h"
#include "soc.h"
#include "stats.h"
#include "uarte.h"

struct icmsg_params link_params;

/* Not in .bss: clearing 32 KiB would be most of the start-up. */
__attribute__((section(".noinit"))) uint32_t link_buffer[REGION_SIZE_MAX / sizeof(uint32_t)];

static struct icmsg icmsg;
static struct session session;
static const char *program_name;
static bool timer_runs;
static bool ring_owed;
static bool closed;		/* the host wants it so */

void link_refuse(uint32_t field)
{
	icmsg_stats.state = STATE_BAD_PARAMS;
	stats_error(-EINVAL, SITE_PARAMS, field);
	uarte_begin();
	uarte_text(program_name);
	uarte_text(": icmsg_params cannot work: mend the word at offset ");
	uarte_decimal(field);
	uarte_end();
	for (;;)
		cpu_sleep();
}

void link_init(const char *name)
{
	const struct icmsg_params *p = &link_params;
	uint32_t field;

	program_name = name;
	uarte_line(name, ": up");
	if (params_load(&link_params, &field) != 0)
		link_refuse(field);
	if (BLOCKS) {
		params_load_endpoints(link_endpoints);
		if (icbmsg_init(p, link_endpoints, &field) != 0)
			link_refuse(field);
		return;
	}
	if (pbuf_init(&icmsg.tx, (void *)(uintptr_t)p->tx_region, p->tx_size, p->dcache_alignment, SESSIONS) != 0)
		link_refuse(offsetof(struct icmsg_params, tx_region));
	if (pbuf_init(&icmsg.rx, (void *)(uintptr_t)p->rx_region, p->rx_size, p->dcache_alignment, SESSIONS) != 0)
		link_refuse(offsetof(struct icmsg_params, rx_region));
	if (SESSIONS)
		session_init(&session, &icmsg, UNBOUND == MODE_DETECT);
	if (UNBOUND == MODE_ENABLE)
		return;
	/* The magic must fit. */
	if (pbuf_capacity(&icmsg.tx) < ICMSG_MAGIC_LENGTH)
		link_refuse(offsetof(struct icmsg_params, tx_size));
	if (pbuf_capacity(&icmsg.rx) < ICMSG_MAGIC_LENGTH)
		link_refuse(offsetof(struct icmsg_params, rx_size));
}

uint32_t link_capacity(void)
{
	if (BLOCKS)
		return icbmsg_longest();

	uint32_t tx = pbuf_capacity(&icmsg.tx);
	uint32_t rx = pbuf_capacity(&icmsg.rx);

	return tx < rx ? tx : rx;
}

static void ring_now(void)
{
	icmsg_stats.rings++;
	ring_owed = false;
	if (SESSIONS)
		session.ring = false;
	if (BLOCKS)
		icbmsg_ring = false;
	mbox_ring();
}

static void ring_for_session(void)
{
	if (session.ring)
		ring_now();
}

static void close_session(void)
{
	session_close(&session);
	icmsg_stats.state = STATE_OFF;
	ring_for_session();
	uarte_line(program_name, ": closed");
}

/* Does what the host asks for. Opening is link_bond()'s. */
static void obey(void)
{
	enum command command = command_take();

	if (command == COMMAND_NONE)
		return;
	if (session.state != SESSION_OFF)
		close_session();
	closed = command == COMMAND_CLOSE;
}

static void run_timer(bool run)
{
	if (run == timer_runs)
		return;
	timer_runs = run;
	if (run)
		repeat_timer_start(link_params.repeat_us, link_params.systick_hz);
	else
		repeat_timer_stop();
}

struct wake {
	bool rang;	/* the peer rang */
	bool tick;	/* the repeat period is over */
};

/*
 * The hot path, without the timer, is: sleep, acknowledge (two register writes), count. What woke the core need not be
 * asked, only the doorbell can. The caller does all work in line: no exception is ever taken but a fault.
 */
static struct wake wait_for_wake(bool with_timer)
{
	struct wake wake = {.rang = true, .tick = false};

	run_timer(with_timer);
	cpu_sleep();
	if (with_timer) {
		wake.tick = repeat_timer_expired();
		wake.rang = mbox_rang();
		icmsg_stats.ticks += wake.tick;
	}
	/* Nothing else is acknowledged: what rings from here on wakes the core again. */
	if (wake.rang) {
		mbox_acknowledge();
		icmsg_stats.doorbells++;
	}
	if (SESSIONS)
		obey();
	return wake;
}

void link_sleep(bool look_again)
{
	if (BLOCKS)
		look_again |= icbmsg_waits();
	if (link_is_bound())
		(void)wait_for_wake(look_again);
}

static void listen(void)
{
	icmsg_stats.state = STATE_BUSY;
	mbox_init(link_params.tx_channel, link_params.rx_channel);
	mbox_enable();
}

static void bond_by_magic(void)
{
	uint32_t announced;
	int result;

	/* The magic fits (link_init), so this repeats only while somebody writes rd_idx in the very moment. */
	while ((result = icmsg_open(&icmsg)) != 0)
		stats_error(result, SITE_SEND, *icmsg.tx.rd_idx);
	listen();
	ring_now();

	/* What the region holds is believed only after a doorbell: it may be left over from before a restart. */
	do {
		struct wake wake = wait_for_wake(true);

		if (wake.tick)
			ring_now();
		if (!wake.rang)
			continue;
		while ((result = icmsg_bond(&icmsg, link_buffer, sizeof(link_buffer), &announced)) == -EBADMSG)
			stats_error(-EBADMSG, SITE_BOND, announced);
		if (result < 0)
			stats_error(result, SITE_RECEIVE, *icmsg.rx.wr_idx);
	} while (icmsg.state != ICMSG_READY);
}

/*
 * The mailbox is off, so that a ring of the peer waits in it until the link is open again, as in Zephyr. Only the
 * timer wakes the core.
 */
static void wait_while_closed(void)
{
	while (closed) {
		run_timer(true);
		mbox_disable();
		cpu_sleep();
		icmsg_stats.ticks += repeat_timer_expired();
		obey();
	}
}

static void open_session(void)
{
	if (session.state == SESSION_DISCONNECTED) {
		icmsg_stats.unbound++;
		uarte_line(program_name, ": unbound");
	}
	wait_while_closed();
	session_open(&session);
	listen();
	ring_for_session();
}

/* One ring at each step, none repeated: whoever opens last rings a peer that listens. */
static void bond_by_session(void)
{
	uint32_t announced;
	int result;

	do {
		if (!session_is_opening(&session))
			open_session();
		(void)wait_for_wake(false);
		while ((result = session_bond(&session, link_buffer, sizeof(link_buffer), &announced)) != 0) {
			ring_for_session();
			if (result == -EBADMSG)
				stats_error(-EBADMSG, SITE_BOND, announced);
			else if (result < 0)
				break;
		}
		if (result < 0)
			stats_error(result, SITE_RECEIVE, *icmsg.rx.wr_idx);
		else if (!session_is_bound(&session))
			ring_for_session();
	} while (!session_is_bound(&session));
}

/* The ring is repeated until the peer has answered, so that it does not matter who listens first. */
static void bond_blocks(void)
{
	icbmsg_open();
	listen();
	if (icbmsg_peer_has_opened())
		icbmsg_look();
	ring_now();
	while (!icbmsg_is_bonded()) {
		struct wake wake = wait_for_wake(true);

		if (wake.tick)
			ring_now();
		if (wake.rang)
			icbmsg_look();
	}
	icmsg_stats.state = STATE_READY;
	endpoints_tell(program_name);
	ring_now();	/* it may not have listened before */
}

void link_bond(void)
{
	if (BLOCKS) {
		bond_blocks();
		return;
	}
	if (SESSIONS)
		bond_by_session();
	else
		bond_by_magic();

	icmsg_stats.state = STATE_READY;
	icmsg_stats.bound++;
	uarte_line(program_name, ": bound");
	ring_now();
}

static void owe_ring(void)
{
	ring_owed = ring_owed || icbmsg_ring;
	if (ring_owed && (link_params.flags & FLAG_RING_EACH))
		ring_now();
}

static int read_packet(void)
{
	if (SESSIONS)
		return session_read(&session, link_buffer, sizeof(link_buffer));
	return pbuf_read(&icmsg.rx, link_buffer, sizeof(link_buffer));
}

uint32_t link_receive(void)
{
	if (BLOCKS) {
		uint32_t block_len = endpoints_receive(program_name);

		owe_ring();
		return block_len;
	}

	int len = read_packet();

	if (len > 0) {
		icmsg_stats.received++;
		icmsg_stats.bytes_received += (uint32_t)len;
		return (uint32_t)len;
	}
	if (len < 0)
		stats_error(len, SITE_RECEIVE, *icmsg.rx.wr_idx);
	return 0;
}

static int write_packet(const void *data, uint32_t len)
{
	return SESSIONS ? session_write(&session, data, len) : pbuf_write(&icmsg.tx, data, len);
}

bool link_send(const void *data, uint32_t len)
{
	if (BLOCKS) {
		bool done = endpoints_send(data, len);

		owe_ring();
		return done;
	}

	int sent = write_packet(data, len);

	if (sent > 0) {
		icmsg_stats.sent++;
		icmsg_stats.bytes_sent += len;
		ring_owed = true;
		if (link_params.flags & FLAG_RING_EACH)
			ring_now();
		return true;
	}
	/* It would never make room: a program that only waits for room has to find out here. */
	if (SESSIONS && session_peer_left(&session))
		return false;
	if (sent == -ENOMEM)
		icmsg_stats.send_retries++;
	else
		stats_error(sent, SITE_SEND, *icmsg.tx.rd_idx);
	return false;
}

void link_ring(void)
{
	if (ring_owed)
		ring_now();
}

bool link_has_session(void)
{
	return session_is_bound(&session);
}
