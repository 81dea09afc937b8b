/*
 * icmsg_stats: what a program has done, for a host that looks into its RAM. All words are 32 bits, little-endian.
 *
 * The counters are exact whenever the core sleeps. Layout changes raise STATS_VERSION; see ../README.md for the table.
 */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

#define STATS_MAGIC   0x54534349u	/* the bytes "ICST" */
#define STATS_VERSION 1u

enum program { PROGRAM_ECHO = 1, PROGRAM_INITIATOR = 2, PROGRAM_SPIN = 3 };

/* The first three are Zephyr's ICMsg states (3.6 to 4.0) with Zephyr's numbers. */
enum program_state {
	STATE_OFF = 0,
	STATE_BUSY = 1,		/* open, waiting for the peer */
	STATE_READY = 2,	/* bound */
	STATE_DONE = 3,		/* initiator: every echo is back */
	STATE_RUNNING = 4,	/* spin: computing */
	STATE_BAD_PARAMS = 5,	/* icmsg_params cannot work; last_error_detail tells the field */
	STATE_FAULT = 6,
};

/* Which operation last_error belongs to. */
enum error_site {
	SITE_NONE = 0,
	SITE_PARAMS = 1,	/* last_error_detail = byte offset of the field in icmsg_params */
	SITE_BOND = 2,		/* last_error_detail = length of the packet that was not the magic */
	SITE_RECEIVE = 3,	/* reading rx-region; last_error_detail = the peer's wr_idx */
	SITE_SEND = 4,		/* writing tx-region; last_error_detail = the peer's rd_idx */
	SITE_COMMAND = 5,	/* last_error_detail = the unknown command */
	SITE_BLOCK = 6,		/* ICBMsg; last_error_detail = number of the block */
	SITE_ENDPOINT = 7,	/* ICBMsg; last_error_detail = number of the endpoint */
};

struct icmsg_stats {
	uint32_t magic;
	uint32_t version;
	uint32_t program;
	uint32_t state;
	uint32_t bound;			/* how often this side became bound since reset */
	uint32_t sent;			/* messages, the magic not counted */
	uint32_t received;
	uint32_t bytes_sent;		/* payload bytes, modulo 2^32 */
	uint32_t bytes_received;
	uint32_t mismatches;		/* initiator: echoes with another length or other bytes than sent, or not sent */
	uint32_t errors;		/* refused operations: corrupt region, wrong magic, bad params, unknown command */
	uint32_t send_retries;		/* sends put off because tx-region had no room */
	uint32_t doorbells;		/* wake-ups by the mailbox's interrupt */
	uint32_t rings;			/* doorbells this side rang */
	uint32_t ticks;			/* wake-ups by the repeat timer: while bonding, out of room, or closed */
	uint32_t faults;
	uint32_t last_error;		/* errno, positive, as in Zephyr; 0 = none yet */
	uint32_t last_error_site;
	uint32_t last_error_detail;
	uint32_t first_mismatch;	/* number of the message, counted from 0; valid if mismatches > 0 */
	uint32_t fault_exception;	/* exception number; on a VPR 0x100 + the code in mcause */
	uint32_t fault_pc;
	uint32_t fault_lr;
	uint32_t cfsr;			/* on a VPR mcause */
	uint32_t hfsr;
	uint32_t fault_address;		/* BFAR or MMFAR if valid, else 0; on a VPR mtval */
	uint32_t progress;		/* spin: batches of SPIN_BATCH steps */
	uint32_t unbound;		/* how often the peer closed or restarted since reset */
	uint32_t lost;			/* messages under way when a session ended */
	uint32_t reserved[3];
};

_Static_assert(sizeof(struct icmsg_stats) == 128, "a host reads this layout");

extern struct icmsg_stats icmsg_stats;

/* icmsg_endpoint_stats: the same by endpoint, in images with ICBMsg, in the order of icmsg_endpoints. */
struct icmsg_endpoint_stats {
	uint32_t bound;
	uint32_t unbound;
	uint32_t sent;
	uint32_t received;
	uint32_t bytes_sent;
	uint32_t bytes_received;
	uint32_t mismatches;
	uint32_t first_mismatch;
};

_Static_assert(sizeof(struct icmsg_endpoint_stats) == 32, "a host reads this layout");

extern struct icmsg_endpoint_stats icmsg_endpoint_stats[];

/* Counts a refused operation; error is a negative errno. */
void stats_error(int error, enum error_site site, uint32_t detail);

#endif
