/* What both instruction sets' start-up has in common. */
#ifndef STARTUP_H
#define STARTUP_H

#include <stdint.h>

#include "soc.h"

#define FAULT_STACK_WORDS 96u

extern uint32_t ld_data_load[], ld_data_start[], ld_data_end[], ld_bss_start[], ld_bss_end[], ld_stack_top[];

int main(void);

typedef void (*vector)(void);

static inline void startup_memory(void)
{
	const uint32_t *from = ld_data_load;
	for (uint32_t *to = ld_data_start; to < ld_data_end;)
		*to++ = *from++;
	for (uint32_t *to = ld_bss_start; to < ld_bss_end;)
		*to++ = 0;
}

static inline int stack_is_readable(const uint32_t *stack, uint32_t bytes)
{
	uintptr_t at = (uintptr_t)stack;

	return at % 4u == 0u && at >= RAM_BASE && at <= RAM_END - bytes;
}

#endif
