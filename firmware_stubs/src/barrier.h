/*
 * A full barrier: data before the index that publishes it, the index before the data that it covers, and memory before
 * and after device registers.
 */
#ifndef BARRIER_H
#define BARRIER_H

#if defined(__arm__)
#define barrier() __asm volatile("dmb" ::: "memory")
#elif defined(__riscv)
#define barrier() __asm volatile("fence iorw, iorw" ::: "memory")
#else
#define barrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

#endif
