/* echo: sends every message back, byte for byte. */
#include "link.h"
#include "stats.h"

int main(void)
{
	uint32_t held = 0;	/* length of a message that is still to be sent back */

	icmsg_stats.program = PROGRAM_ECHO;
	link_init("echo");
	link_bond();
	for (;;) {
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
}
