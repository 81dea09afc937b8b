/* The network core: a heartbeat every millisecond, and a watchdog that bites after 50. */
#include "soc.h"

int main(void);

enum { RELOAD = 0x6E524635 };

int main(void)
{
	uint32_t boot = ++SHARED->boots;

	print(boot == 1 ? "net: boot 1" : boot == 2 ? "net: boot 2" : "net: boot 3");
	REG(WDT + 0x50C) = 1;
	REG(WDT + 0x504) = 1638;
	REG(WDT + 0x508) = 1;
	REG(WDT + 0x000) = 1;
	uint32_t next = cycles();
	for (;;) {
		next += 33;
		sleep_until(next);
		SHARED->heartbeat++;
		REG(WDT + 0x600) = RELOAD;
		if (SHARED->hang) {
			SHARED->hang = 0;
			print("net: hangs");
			for (;;) {
			}
		}
	}
}
