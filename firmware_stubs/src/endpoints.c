#include "endpoints.h"

#include "errno_zephyr.h"
#include "icbmsg.h"
#include "link.h"
#include "stats.h"
#include "uarte.h"

uint32_t link_endpoint;
struct icmsg_endpoint link_endpoints[ENDPOINTS];
struct icmsg_endpoint_stats icmsg_endpoint_stats[ENDPOINTS];

static void tell(const char *program, uint32_t endpoint, const char *what)
{
	uarte_begin();
	uarte_text(program);
	uarte_text(": ");
	uarte_text(link_endpoints[endpoint].name);
	uarte_text(what);
	uarte_end();
}

void endpoints_tell(const char *program)
{
	icbmsg_changed = false;
	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		struct icmsg_endpoint_stats *stats = &icmsg_endpoint_stats[i];
		bool bound = link_endpoint_is_bound(i);

		if (bound == (stats->bound != stats->unbound))
			continue;
		if (bound) {
			stats->bound++;
			icmsg_stats.bound++;
			tell(program, i, " bound");
		} else {
			stats->unbound++;
			icmsg_stats.unbound++;
			tell(program, i, " unbound");
		}
	}
}

uint32_t endpoints_receive(const char *program)
{
	uint32_t len = icbmsg_receive(&link_endpoint, link_buffer);

	if (len == ICBMSG_NOTHING) {
		icbmsg_look();
		if (icbmsg_changed)
			endpoints_tell(program);
		len = icbmsg_receive(&link_endpoint, link_buffer);
	}
	if (len == ICBMSG_NOTHING)
		return LINK_NOTHING;
	icmsg_stats.received++;
	icmsg_stats.bytes_received += len;
	icmsg_endpoint_stats[link_endpoint].received++;
	icmsg_endpoint_stats[link_endpoint].bytes_received += len;
	return len;
}

bool endpoints_send(const void *data, uint32_t len)
{
	int sent = icbmsg_send(link_endpoint, data, len);

	if (sent >= 0) {
		icmsg_stats.sent++;
		icmsg_stats.bytes_sent += len;
		icmsg_endpoint_stats[link_endpoint].sent++;
		icmsg_endpoint_stats[link_endpoint].bytes_sent += len;
		return true;
	}
	if (sent == -ENOMEM) {
		icmsg_stats.send_retries++;
		return false;
	}
	if (sent == -EBUSY) {
		icmsg_stats.lost++;	/* the peer has taken the endpoint away */
		return true;
	}
	stats_error(sent, SITE_SEND, sent == -EMSGSIZE ? len : link_endpoint);
	return sent == -EMSGSIZE;	/* it would never fit */
}

bool link_endpoint_is_bound(uint32_t endpoint)
{
	return icbmsg_states[endpoint] == ENDPOINT_READY;
}
