/*
 * icmsg_params: geometry and workload, in flash in a section of its own (.icmsg_params).
 *
 * A host may overwrite the words in the loaded image before the core starts; the program reads them once, at start.
 * All words are 32 bits, little-endian. Layout changes raise PARAMS_VERSION; see ../README.md for the table.
 */
#ifndef PARAMS_H
#define PARAMS_H

#include <stdint.h>

#include "generation.h"

#define PARAMS_MAGIC   0x504D4349u	/* the bytes "ICMP" */
#define PARAMS_VERSION 1u

#define REGION_SIZE_MAX 0x8000u		/* half of the nRF5340's shared SRAM; bounds the receive buffer */

/* Ring once per message, as Zephyr's icmsg_send() does. Without it: once per burst, before the core sleeps. */
#define FLAG_RING_EACH (1u << 0)
#define FLAGS_KNOWN    FLAG_RING_EACH

struct icmsg_params {
	uint32_t magic;
	uint32_t version;
	uint32_t tx_region;		/* address, as this core sees it */
	uint32_t tx_size;		/* bytes */
	uint32_t rx_region;
	uint32_t rx_size;
	uint32_t tx_channel;		/* mailbox channel this side rings */
	uint32_t rx_channel;
	uint32_t dcache_alignment;	/* bytes; both sides must use the same */
	uint32_t flags;			/* FLAG_... */
	uint32_t messages;		/* initiator: how many to send, 0 = without end */
	uint32_t size_min;		/* initiator: payload bytes, 1 ... */
	uint32_t size_max;
	uint32_t seed;			/* initiator: of sizes and payload, see payload.h */
	uint32_t window;		/* initiator: messages under way at once, 1 ... */
	uint32_t repeat_us;		/* period of the bonding ring, and of looking for room again */
	uint32_t systick_hz;		/* what the repeat timer counts, at least 1 MHz */
	uint32_t unbound;		/* MODE_..., what the program was built for: to be read, not to be set */
	uint32_t generation;		/* GENERATION_..., of ICBMsg; one that the program was built for */
	uint32_t tx_blocks;		/* ICBMsg: blocks of tx-region */
	uint32_t rx_blocks;
	uint32_t slots;			/* ICBMsg, rework: MAX_ACTIVE_COUNT, the same on both sides */
	uint32_t reserved[10];
};

_Static_assert(sizeof(struct icmsg_params) == 128, "a host writes this layout");

extern const volatile struct icmsg_params icmsg_params;

/*
 * icmsg_endpoints: in images with ICBMsg the endpoints, and what an initiator sends at each of them instead of what
 * icmsg_params says. For a host as icmsg_params is.
 */
#define ENDPOINT_NAME_MAX 32u

struct icmsg_endpoint {
	char name[ENDPOINT_NAME_MAX];	/* with a NUL; an empty one is not registered */
	uint32_t messages;
	uint32_t size_min;		/* bytes, also 0 */
	uint32_t size_max;
	uint32_t seed;
};

_Static_assert(sizeof(struct icmsg_endpoint) == 48, "a host writes this layout");

extern const volatile struct icmsg_endpoint icmsg_endpoints[ENDPOINTS];

/*
 * Copies icmsg_params to p. Returns 0, or -EINVAL with the byte offset of the first field that cannot work in
 * *field. What a region must be is checked by pbuf_init(), what a workload must be by the initiator.
 */
int params_load(struct icmsg_params *p, uint32_t *field);

/* Copies icmsg_endpoints. */
void params_load_endpoints(struct icmsg_endpoint *endpoints);

#endif
