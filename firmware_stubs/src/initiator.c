/* initiator: sends messages, at most window of them under way, and checks every echo. */
#include <stddef.h>

#include "link.h"
#include "payload.h"
#include "stats.h"
#include "uarte.h"

static struct payload payload;
static uint32_t sent;
static uint32_t checked;

static void check_params(void)
{
	const struct icmsg_params *p = &link_params;

	if (p->size_min == 0u)
		link_refuse(offsetof(struct icmsg_params, size_min));
	if (p->size_max < p->size_min || p->size_max > link_capacity())
		link_refuse(offsetof(struct icmsg_params, size_max));
	if (p->window == 0u)
		link_refuse(offsetof(struct icmsg_params, window));
	payload.seed = p->seed;
	payload.size_min = p->size_min;
	payload.sizes = p->size_max - p->size_min + 1u;
}

/* Echoes come back in the order of the messages, so the next one is number checked. */
static void check_echo(uint32_t len)
{
	bool good = checked != sent && payload_is(&payload, checked, link_buffer, len);

	if (!good && icmsg_stats.mismatches++ == 0u)
		icmsg_stats.first_mismatch = checked;
	if (checked != sent)
		checked++;
}

/* Returns false if a message is due but there is no room for it. */
static bool send_due(void)
{
	if (!link_is_bound())
		return true;	/* it would be dropped */
	while (sent - checked < link_params.window && (sent != link_params.messages || link_params.messages == 0u)) {
		if (!link_send(link_buffer, payload_make(&payload, sent, link_buffer)))
			return false;
		sent++;
	}
	return true;
}

static void say_done(void)
{
	icmsg_stats.state = STATE_DONE;
	uarte_begin();
	uarte_text("initiator: done ");
	uarte_decimal(icmsg_stats.received);
	uarte_text(" of ");
	uarte_decimal(link_params.messages);
	uarte_text(", ");
	uarte_decimal(icmsg_stats.mismatches);
	uarte_text(" mismatches");
	if (SESSIONS && icmsg_stats.lost != 0u) {
		uarte_text(", ");
		uarte_decimal(icmsg_stats.lost);
		uarte_text(" lost");
	}
	uarte_end();
}

/* No echo of an ended session comes in the next one, which goes on with the message after it. */
static void give_up_what_is_under_way(void)
{
	icmsg_stats.lost += sent - checked;
	checked = sent;
}

int main(void)
{
	icmsg_stats.program = PROGRAM_INITIATOR;
	link_init("initiator");
	check_params();
	for (;;) {
		link_bond();
		while (link_is_bound()) {
			uint32_t len;

			while ((len = link_receive()) != 0u)
				check_echo(len);

			bool room = send_due();
			link_ring();
			if (checked == link_params.messages && icmsg_stats.state == STATE_READY && checked != 0u)
				say_done();
			link_sleep(!room);
		}
		give_up_what_is_under_way();
	}
}
