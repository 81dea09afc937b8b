/* initiator: sends messages, at most window of them under way at each endpoint, and checks every echo. */
#include <stddef.h>

#include "link.h"
#include "payload.h"
#include "stats.h"
#include "uarte.h"

/* By endpoint; of ICMsg, which has none, there is one. */
static struct payload payload[ENDPOINTS];
static uint32_t sent[ENDPOINTS];
static uint32_t checked[ENDPOINTS];

static uint32_t messages_of(uint32_t endpoint)
{
	return BLOCKS ? link_endpoints[endpoint].messages : link_params.messages;
}

static bool is_used(uint32_t endpoint)
{
	return !BLOCKS || link_endpoints[endpoint].name[0] != '\0';
}

static bool can_send(uint32_t endpoint)
{
	return BLOCKS ? link_endpoint_is_bound(endpoint) : link_is_bound();
}

static void check_params(void)
{
	const struct icmsg_params *p = &link_params;

	if (!BLOCKS) {
		if (p->size_min == 0u)
			link_refuse(offsetof(struct icmsg_params, size_min));
		if (p->size_max < p->size_min || p->size_max > link_capacity())
			link_refuse(offsetof(struct icmsg_params, size_max));
	}
	if (p->window == 0u)
		link_refuse(offsetof(struct icmsg_params, window));
	for (uint32_t i = 0; BLOCKS && i < ENDPOINTS; i++) {
		const struct icmsg_endpoint *e = &link_endpoints[i];

		if (is_used(i) && (e->size_max < e->size_min || e->size_max > link_capacity()))
			link_refuse(sizeof(*p) + i * sizeof(*e) + offsetof(struct icmsg_endpoint, size_max));
		payload[i].seed = e->seed;
		payload[i].size_min = e->size_min;
		payload[i].sizes = e->size_max - e->size_min + 1u;
	}
	if (!BLOCKS) {
		payload[0].seed = p->seed;
		payload[0].size_min = p->size_min;
		payload[0].sizes = p->size_max - p->size_min + 1u;
	}
}

/* Echoes come back in the order of the messages, so the next one is number checked. */
static void check_echo(uint32_t len)
{
	uint32_t e = BLOCKS ? link_endpoint : 0u;
	bool good = checked[e] != sent[e] && payload_is(&payload[e], checked[e], link_buffer, len);

	if (!good && icmsg_stats.mismatches++ == 0u)
		icmsg_stats.first_mismatch = checked[e];
	if (BLOCKS && !good && icmsg_endpoint_stats[e].mismatches++ == 0u)
		icmsg_endpoint_stats[e].first_mismatch = checked[e];
	if (checked[e] != sent[e])
		checked[e]++;
}

/* No echo of an ended session comes in the next one, which goes on with the message after it. */
static void give_up_what_is_under_way(uint32_t endpoint)
{
	icmsg_stats.lost += sent[endpoint] - checked[endpoint];
	checked[endpoint] = sent[endpoint];
}

/* Returns false if a message is due but there is no room for it. */
static bool send_due(uint32_t e)
{
	if (!can_send(e)) {	/* it would be dropped */
		if (BLOCKS)
			give_up_what_is_under_way(e);
		return true;
	}
	while (sent[e] - checked[e] < link_params.window && (sent[e] != messages_of(e) || messages_of(e) == 0u)) {
		if (BLOCKS)
			link_endpoint = e;
		if (!link_send(link_buffer, payload_make(&payload[e], sent[e], link_buffer)))
			return false;
		sent[e]++;
	}
	return true;
}

/* True once, when every echo is back. */
static bool is_done(void)
{
	uint32_t all = 0;

	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		if (is_used(i) && checked[i] != messages_of(i))
			return false;
		all |= checked[i];
	}
	return icmsg_stats.state == STATE_READY && all != 0u;
}

static void say_done(void)
{
	uint32_t messages = link_params.messages;

	if (BLOCKS) {
		messages = 0;
		for (uint32_t i = 0; i < ENDPOINTS; i++)
			messages += is_used(i) ? messages_of(i) : 0u;
	}
	icmsg_stats.state = STATE_DONE;
	uarte_begin();
	uarte_text("initiator: done ");
	uarte_decimal(icmsg_stats.received);
	uarte_text(" of ");
	uarte_decimal(messages);
	uarte_text(", ");
	uarte_decimal(icmsg_stats.mismatches);
	uarte_text(" mismatches");
	if ((SESSIONS || REWORK) && icmsg_stats.lost != 0u) {
		uarte_text(", ");
		uarte_decimal(icmsg_stats.lost);
		uarte_text(" lost");
	}
	uarte_end();
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
			bool room = true;

			while ((len = link_receive()) != LINK_NOTHING)
				check_echo(len);
			for (uint32_t i = 0; i < ENDPOINTS; i++)
				room = send_due(i) && room;
			link_ring();
			if (is_done())
				say_done();
			link_sleep(!room);
		}
		if (!BLOCKS)
			give_up_what_is_under_way(0);
	}
}
