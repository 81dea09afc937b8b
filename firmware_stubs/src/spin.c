/* spin: computes without end and never sleeps, for measuring how fast a core is executed. */
#include <stdint.h>

#include "stats.h"
#include "uarte.h"

#define SPIN_BATCH 4096u
#define SPIN_WORDS 64u

static volatile uint32_t scratch[SPIN_WORDS];

int main(void)
{
	uint32_t x = 1;

	icmsg_stats.program = PROGRAM_SPIN;
	uarte_line("spin", ": up");
	icmsg_stats.state = STATE_RUNNING;
	for (;;) {
		for (uint32_t i = 0; i < SPIN_BATCH; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			scratch[i % SPIN_WORDS] = x;
		}
		icmsg_stats.progress++;
		__asm volatile("" ::: "memory");	/* the counter is in RAM after each batch */
	}
}
