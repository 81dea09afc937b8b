/* Core cpu1 of the SoC in trio.repl, as the firmware stubs need to know it. */
#define RAM_BASE   0x30000000u
#define RAM_END    0x30040000u
#define IPC_BASE   0x48002000u
#define IPC_IRQN   31u
#define UARTE_BASE 0x48004000u

/* The instance as this core has it: its node in cpu1.dts. */
#define TX_REGION   0x38000400u
#define RX_REGION   0x38000000u
#define REGION_SIZE 0x400u
#define TX_CHANNEL  5u
#define RX_CHANNEL  2u
#define SYSTICK_HZ  100000000u
