#include "command.h"

#include "errno_zephyr.h"
#include "stats.h"

volatile uint32_t icmsg_command;

enum command command_take(void)
{
	uint32_t command = icmsg_command;

	if (command == COMMAND_NONE)
		return COMMAND_NONE;
	icmsg_command = COMMAND_NONE;
	if (command > COMMAND_CLOSE_AND_OPEN) {
		stats_error(-EINVAL, SITE_COMMAND, command);
		return COMMAND_NONE;
	}
	return (enum command)command;
}
