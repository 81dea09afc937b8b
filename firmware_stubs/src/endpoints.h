/* Endpoints of ICBMsg as a program's link has them: what is counted of each, and said when one is bound. */
#ifndef ENDPOINTS_H
#define ENDPOINTS_H

#include <stdbool.h>
#include <stdint.h>

/* Says which endpoints have become bound since the last time, or are not any more: "<program>: <endpoint> bound". */
void endpoints_tell(const char *program);

/* link_receive() and link_send(), without the ring. */
uint32_t endpoints_receive(const char *program);
bool endpoints_send(const void *data, uint32_t len);

#endif
