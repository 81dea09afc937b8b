/* What the programs of this folder share: a console, the CLINT, the PLIC, and the registers of the hart. */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define BYTE(address) (*(volatile uint8_t *)(address))

#define CLINT 0x02000000u
#define MSIP(hart) REG(CLINT + 4 * (hart))
#define MTIMECMP(hart) (CLINT + 0x4000 + 8 * (hart))
#define MTIME REG(CLINT + 0xBFF8)

#define PLIC 0x0C000000u
#define PRIORITY(source) REG(PLIC + 4 * (source))
#define ENABLE(context) REG(PLIC + 0x2000 + 0x80 * (context))
#define THRESHOLD(context) REG(PLIC + 0x200000 + 0x1000 * (context))
#define CLAIM(context) REG(PLIC + 0x200004 + 0x1000 * (context))

#define read_csr(name) ({ uint32_t value; __asm__ volatile("csrr %0, " #name : "=r"(value)); value; })
#define write_csr(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"(value) : "memory")
#define set_csr(name, value) __asm__ volatile("csrs " #name ", %0" ::"r"(value) : "memory")
#define clear_csr(name, value) __asm__ volatile("csrc " #name ", %0" ::"r"(value) : "memory")

#define SOFTWARE (1u << 3)
#define TIMER (1u << 7)
#define EXTERNAL (1u << 11)
#define INTERRUPT (1u << 31)
#define MIE (1u << 3)

/* Where the hart goes on; called for every trap. */
uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value);

#if defined(UART_LITEX)
#define UART 0xE0001800u
static inline void put(char c) { while (REG(UART + 4)) { } REG(UART) = (uint8_t)c; }
#elif defined(UART_SIFIVE)
#define UART 0x10013000u
static inline void begin(void) { REG(UART + 8) = 1; }
static inline void put(char c) { while (REG(UART) >> 31) { } REG(UART) = (uint8_t)c; }
#define HAS_BEGIN
#elif defined(UART_MIV)
#define UART 0x70001000u
static inline void put(char c) { while (!(REG(UART + 0x10) & 1)) { } REG(UART) = (uint8_t)c; }
#else
#define UART 0x10000000u
static inline void put(char c) { while (!(BYTE(UART + 5) & 0x20)) { } BYTE(UART) = (uint8_t)c; }
#endif
#ifndef HAS_BEGIN
static inline void begin(void) { }
#endif

static inline void text(const char *words)
{
    while (*words) {
        put(*words++);
    }
}

static inline void hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[value >> shift & 15]);
    }
}

static inline void line(const char *words, uint32_t value)
{
    text(words);
    text(" ");
    hex(value);
    text("\n");
}
