#include "stats.h"

/* In .data, so that magic and version tell a host that Reset_Handler has run. */
struct icmsg_stats icmsg_stats = {
	.magic = STATS_MAGIC,
	.version = STATS_VERSION,
};

void stats_error(int error, enum error_site site, uint32_t detail)
{
	icmsg_stats.errors++;
	icmsg_stats.last_error = (uint32_t)-error;
	icmsg_stats.last_error_site = site;
	icmsg_stats.last_error_detail = detail;
}
