/* The error numbers used here, with the values that Zephyr's C libraries give them. Functions return their negative. */
#ifndef ERRNO_ZEPHYR_H
#define ERRNO_ZEPHYR_H

#define EAGAIN  11	/* the index does not cover the announced length yet */
#define ENOMEM  12	/* no room in the region, or in the caller's buffer */
#define EFAULT  14	/* a block comes back that was not sent */
#define EBUSY   16	/* not bound */
#define EINVAL  22	/* cannot work: a configuration, or corrupt shared memory */
#define EBADMSG 77	/* before binding: a packet that is not the magic */
#define EMSGSIZE 122	/* longer than all blocks together */

#endif
