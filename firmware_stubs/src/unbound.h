/*
 * The devicetree property "unbound" of Zephyr since 4.1, fixed when a program is built: -DUNBOUND_ENABLE,
 * -DUNBOUND_DETECT, or neither (disable).
 *
 *   disable   magic bonding; a peer that leaves or restarts is not noticed
 *   enable    sessions; never binds with a side that has none
 *   detect    sessions, or magic bonding with a side that has none
 *
 * Programs ask SESSIONS with an ordinary if: what the mode does not need is compiled, checked and dropped.
 */
#ifndef UNBOUND_H
#define UNBOUND_H

#define MODE_DISABLE 0
#define MODE_ENABLE  1
#define MODE_DETECT  2

#if defined(UNBOUND_ENABLE) && defined(UNBOUND_DETECT)
#error "unbound is one of disable, enable, detect: define UNBOUND_ENABLE, or UNBOUND_DETECT, or neither"
#elif defined(UNBOUND_ENABLE)
#define UNBOUND MODE_ENABLE
#elif defined(UNBOUND_DETECT)
#define UNBOUND MODE_DETECT
#else
#define UNBOUND MODE_DISABLE
#endif

#define SESSIONS (UNBOUND != MODE_DISABLE)

/* Smallest dcache_alignment with room for the handshake word between rd_idx and wr_idx. */
#define SESSION_ALIGNMENT 8u

#endif
