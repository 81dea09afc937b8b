/*
 * icmsg_command: a word in RAM with which a host asks a program with sessions to close its link, or to open it again.
 *
 * It is looked at whenever the core wakes; then it is 0 again. While the link is closed the core wakes by itself,
 * every repeat period; else ring its receive channel, unless the peer does.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdint.h>

enum command {
	COMMAND_NONE = 0,
	COMMAND_CLOSE = 1,		/* as deregistering the endpoint: the peer becomes unbound */
	COMMAND_CLOSE_AND_OPEN = 2,	/* the same, and registering it again; a closed link just opens */
};

extern volatile uint32_t icmsg_command;

/* Takes the command. Another number is counted in icmsg_stats and taken as none. */
enum command command_take(void);

#endif
