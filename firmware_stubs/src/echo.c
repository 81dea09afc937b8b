/* echo: sends every message back, byte for byte. */
#include "link.h"
#include "stats.h"

int main(void)
{
	icmsg_stats.program = PROGRAM_ECHO;
	link_init("echo");
	for (;;) {
		uint32_t held = 0;	/* length of a message that is still to be sent back */

		link_bond();
		while (link_is_bound()) {
			for (;;) {
				if (held == 0u)
					held = link_receive();
				if (held == 0u || !link_send(link_buffer, held))
					break;
				held = 0;
			}
			link_ring();
			link_sleep(held != 0u);
		}
		icmsg_stats.lost += held != 0u;
	}
}
