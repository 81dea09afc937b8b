#include "params.h"

#include <stdbool.h>
#include <stddef.h>

#include "errno_zephyr.h"
#include "repeat_timer.h"
#include "soc.h"
#include "unbound.h"

/* volatile: the compiler may not fold the defaults into the code, because a host may have changed them. */
__attribute__((used, section(".icmsg_params"))) const volatile struct icmsg_params icmsg_params = {
	.magic = PARAMS_MAGIC,
	.version = PARAMS_VERSION,
	.tx_region = TX_REGION,
	.rx_region = RX_REGION,
	.tx_channel = TX_CHANNEL,
	.rx_channel = RX_CHANNEL,
	.systick_hz = SYSTICK_HZ,
	.tx_size = REGION_SIZE,
	.rx_size = REGION_SIZE,
	.dcache_alignment = BLOCKS ? ICBMSG_DCACHE_ALIGNMENT
		: SESSIONS && DCACHE_ALIGNMENT < SESSION_ALIGNMENT ? SESSION_ALIGNMENT : DCACHE_ALIGNMENT,
	.flags = 0,
	.messages = 1000,
	.size_min = 1,
	.size_max = 100,
	.seed = 1,
	.window = 1,
	.repeat_us = 1000,
	.unbound = UNBOUND,
	.generation = GENERATION,
	.tx_blocks = BLOCKS ? TX_BLOCKS : 0u,
	.rx_blocks = BLOCKS ? RX_BLOCKS : 0u,
	.slots = REWORK ? 16u : 0u,
};

#define ENDPOINT_OF(n, text) [n] = {.name = text, .messages = 1000, .size_min = 1, .size_max = 100, .seed = 1u + (n) * 0x6C078965u}

#if GENERATION
__attribute__((used)) const volatile struct icmsg_endpoint icmsg_endpoints[ENDPOINTS] = {
	ENDPOINT_OF(0, "ep0"), ENDPOINT_OF(1, "ep1"),
};

void params_load_endpoints(struct icmsg_endpoint *endpoints)
{
	const volatile uint32_t *from = (const volatile uint32_t *)icmsg_endpoints;
	uint32_t *to = (uint32_t *)endpoints;

	for (uint32_t i = 0; i < ENDPOINTS * (sizeof(struct icmsg_endpoint) / sizeof(uint32_t)); i++)
		to[i] = from[i];
}
#endif

#define WORDS (sizeof(struct icmsg_params) / sizeof(uint32_t))

static int disjoint(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a < b ? a_size <= b - a : b_size <= a - b;
}

static bool is_generation(uint32_t generation)
{
	return generation == GENERATION || (GENERATION == GENERATION_4_1 && generation == GENERATION_3_6);
}

/* The field that cannot work, as its byte offset; sizeof(*p) if all can. */
static uint32_t bad_field(const struct icmsg_params *p)
{
#define REQUIRE(condition, field) \
	if (!(condition)) \
		return offsetof(struct icmsg_params, field)
	REQUIRE(p->magic == PARAMS_MAGIC, magic);
	REQUIRE(p->version == PARAMS_VERSION, version);
	REQUIRE(p->tx_size <= REGION_SIZE_MAX, tx_size);
	REQUIRE(p->rx_size <= REGION_SIZE_MAX, rx_size);
	REQUIRE(disjoint(p->tx_region, p->tx_size, p->rx_region, p->rx_size), rx_region);
	REQUIRE(IS_TX_CHANNEL(p->tx_channel), tx_channel);
	REQUIRE(IS_RX_CHANNEL(p->rx_channel), rx_channel);
	REQUIRE(p->rx_channel != p->tx_channel, rx_channel);	/* it would hear its own ring */
	REQUIRE(!SESSIONS || p->dcache_alignment >= SESSION_ALIGNMENT, dcache_alignment);
	REQUIRE(!BLOCKS || is_generation(p->generation), generation);
	REQUIRE((p->flags & ~FLAGS_KNOWN) == 0u, flags);
	REQUIRE(p->systick_hz >= 1000000u, systick_hz);
	REQUIRE(p->repeat_us >= 1u && p->repeat_us <= REPEAT_TIMER_TICKS_MAX / (p->systick_hz / 1000000u), repeat_us);
#undef REQUIRE
	return sizeof(*p);
}

int params_load(struct icmsg_params *p, uint32_t *field)
{
	const volatile uint32_t *from = (const volatile uint32_t *)&icmsg_params;
	uint32_t *to = (uint32_t *)p;

	for (uint32_t i = 0; i < WORDS; i++)
		to[i] = from[i];
	*field = bad_field(p);
	return *field == sizeof(*p) ? 0 : -EINVAL;
}
