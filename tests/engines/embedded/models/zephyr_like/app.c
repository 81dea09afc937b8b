/* The application core: sleeps, then starts, restarts and hangs the network core. */
#include "soc.h"

int main(void);

static const uint32_t spans[] = {33, 328, 1, 3, 32768, 2, 100, 4, 5000, 7};

static void await(uint32_t boots)
{
	uint32_t heard = SHARED->heartbeat;

	for (uint32_t tries = 0; SHARED->boots != boots || SHARED->heartbeat < heard + 3; tries++) {
		if (tries == 200) {
			fatal("app: the network core is silent");
		}
		sleep_until(cycles() + 328);
	}
}

int main(void)
{
	print("app: booted");
	for (uint32_t index = 0; index < sizeof(spans) / sizeof(spans[0]); index++) {
		uint32_t target = cycles() + spans[index];

		sleep_until(target);
		results.late[index] = cycles() - target;
	}
	print("app: slept");
	FORCEOFF = 0;
	await(1);
	print("app: the network core runs");
	FORCEOFF = 1;
	uint32_t heartbeat = SHARED->heartbeat;
	sleep_until(cycles() + 3277);
	if (SHARED->heartbeat != heartbeat) {
		fatal("app: the network core runs on");
	}
	FORCEOFF = 0;
	await(2);
	print("app: the network core runs again");
	SHARED->hang = 1;
	await(3);
	print("app: the watchdog has restarted it");
	for (;;) {
		sleep_until(cycles() + 32768);
	}
}
