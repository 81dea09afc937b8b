#include "link.h"

#include <stddef.h>

#include "errno_zephyr.h"
#include "icmsg.h"
#include "ipc_mbox.h"
#include "nrf5340.h"
#include "repeat_timer.h"
#include "stats.h"
#include "uarte.h"

struct icmsg_params link_params;

/* Not in .bss: clearing 32 KiB would be most of the start-up. */
__attribute__((section(".noinit"))) uint32_t link_buffer[REGION_SIZE_MAX / sizeof(uint32_t)];

static struct icmsg icmsg;
static const char *program_name;
static bool timer_runs;
static bool ring_owed;

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
	if (pbuf_init(&icmsg.tx, (void *)(uintptr_t)p->tx_region, p->tx_size, p->dcache_alignment, false) != 0)
		link_refuse(offsetof(struct icmsg_params, tx_region));
	if (pbuf_init(&icmsg.rx, (void *)(uintptr_t)p->rx_region, p->rx_size, p->dcache_alignment, false) != 0)
		link_refuse(offsetof(struct icmsg_params, rx_region));
	if (pbuf_capacity(&icmsg.tx) < ICMSG_MAGIC_LENGTH)
		link_refuse(offsetof(struct icmsg_params, tx_size));
	if (pbuf_capacity(&icmsg.rx) < ICMSG_MAGIC_LENGTH)
		link_refuse(offsetof(struct icmsg_params, rx_size));
}

uint32_t link_capacity(void)
{
	uint32_t tx = pbuf_capacity(&icmsg.tx);
	uint32_t rx = pbuf_capacity(&icmsg.rx);

	return tx < rx ? tx : rx;
}

static void ring_now(void)
{
	icmsg_stats.rings++;
	ring_owed = false;
	ipc_mbox_ring();
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

	if (with_timer != timer_runs) {
		timer_runs = with_timer;
		if (with_timer)
			repeat_timer_start(link_params.repeat_us, link_params.systick_hz);
		else
			repeat_timer_stop();
	}
	cpu_sleep();
	if (with_timer) {
		wake.tick = repeat_timer_expired();
		wake.rang = ipc_mbox_rang();
		icmsg_stats.ticks += wake.tick;
	}
	ipc_mbox_acknowledge();
	icmsg_stats.doorbells += wake.rang;
	return wake;
}

void link_sleep(bool look_again)
{
	(void)wait_for_wake(look_again);
}

void link_bond(void)
{
	const struct icmsg_params *p = &link_params;
	uint32_t announced;
	int result;

	/* The magic fits (link_init), so this repeats only while somebody writes rd_idx in the very moment. */
	while ((result = icmsg_open(&icmsg)) != 0)
		stats_error(result, SITE_SEND, *icmsg.tx.rd_idx);
	icmsg_stats.state = STATE_BUSY;
	ipc_mbox_init(p->tx_channel, p->rx_channel);
	ipc_mbox_enable();
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

	icmsg_stats.state = STATE_READY;
	icmsg_stats.bound++;
	uarte_line(program_name, ": bound");
	ring_now();
}

uint32_t link_receive(void)
{
	int len = pbuf_read(&icmsg.rx, link_buffer, sizeof(link_buffer));

	if (len > 0) {
		icmsg_stats.received++;
		icmsg_stats.bytes_received += (uint32_t)len;
		return (uint32_t)len;
	}
	if (len < 0)
		stats_error(len, SITE_RECEIVE, *icmsg.rx.wr_idx);
	return 0;
}

bool link_send(const void *data, uint32_t len)
{
	int sent = pbuf_write(&icmsg.tx, data, len);

	if (sent > 0) {
		icmsg_stats.sent++;
		icmsg_stats.bytes_sent += len;
		ring_owed = true;
		if (link_params.flags & FLAG_RING_EACH)
			ring_now();
		return true;
	}
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
