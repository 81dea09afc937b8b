/* A full barrier: data before the index that publishes it, the index before the data that it covers. */
#ifndef BARRIER_H
#define BARRIER_H

#ifdef __arm__
#define barrier() __asm volatile("dmb" ::: "memory")
#else
#define barrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

#endif
