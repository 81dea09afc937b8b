/* echo: sends every message back, byte for byte. */
#include "link.h"
#include "stats.h"

int main(void)
{
	icmsg_stats.program = PROGRAM_ECHO;
	link_init("echo");
	for (;;) {
		uint32_t held = LINK_NOTHING;	/* length of a message that is still to be sent back */

		link_bond();
		while (link_is_bound()) {
			for (;;) {
				if (held == LINK_NOTHING)
					held = link_receive();
				if (held == LINK_NOTHING || !link_send(link_buffer, held))
					break;
				held = LINK_NOTHING;
			}
			link_ring();
			link_sleep(held != LINK_NOTHING);
		}
		icmsg_stats.lost += held != LINK_NOTHING;
	}
}
