/*
 * The backend, fixed when a program is built: ICMsg, or with -DICBMSG or -DICBMSG_REWORK ICBMsg, which has several
 * endpoints and carries messages in blocks.
 *
 *   -DICBMSG          of Zephyr 3.6 to 4.4, over an ICMsg instance; which of its two layouts, icmsg_params tells
 *   -DICBMSG_REWORK   after Zephyr 4.4, with queues of its own
 *
 * Programs ask BLOCKS with an ordinary if, as they do with SESSIONS.
 */
#ifndef GENERATION_H
#define GENERATION_H

#define GENERATION_ICMSG  0
#define GENERATION_3_6    1	/* Zephyr 3.6 to 4.0: blocks begin at multiples of dcache_alignment */
#define GENERATION_4_1    2	/* Zephyr 4.1 to 4.4: at multiples of 4 bytes */
#define GENERATION_REWORK 3	/* after Zephyr 4.4 */

#if defined(ICBMSG) && defined(ICBMSG_REWORK)
#error "a program speaks one backend: define ICBMSG, or ICBMSG_REWORK, or neither"
#elif defined(ICBMSG)
#define GENERATION GENERATION_4_1
#elif defined(ICBMSG_REWORK)
#define GENERATION GENERATION_REWORK
#else
#define GENERATION GENERATION_ICMSG
#endif

#define BLOCKS (GENERATION != GENERATION_ICMSG)
#define REWORK (GENERATION == GENERATION_REWORK)

#define ENDPOINTS (BLOCKS ? 4u : 1u)	/* as many as a program can have; ICBMSG_NUM_EP in Zephyr */

#endif
