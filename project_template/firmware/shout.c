/* shout: sends every message back in capital letters. The link below it is that of icmsg's firmware stubs. */
#include "link.h"

static uint8_t capital(uint8_t letter)
{
	return letter >= 'a' && letter <= 'z' ? (uint8_t)(letter - 'a' + 'A') : letter;
}

static void shout(uint32_t len)
{
	uint8_t *message = (uint8_t *)link_buffer;

	for (uint32_t i = 0; i < len; i++)
		message[i] = capital(message[i]);
}

int main(void)
{
	link_init("shout");
	for (;;) {
		uint32_t held = 0;	/* length of an answer that is still to be sent */

		link_bond();
		while (link_is_bound()) {
			for (;;) {
				if (held == 0u) {
					held = link_receive();
					shout(held);
				}
				if (held == 0u || !link_send(link_buffer, held))
					break;
				held = 0;
			}
			link_ring();
			link_sleep(held != 0u);	/* without room it looks again after a while */
		}
	}
}
