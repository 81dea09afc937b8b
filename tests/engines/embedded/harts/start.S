/* Each hart gets 4 KiB of stack below the one of the hart before it; the first one is at the end of the RAM used. */
.file "start.S"
.section .text.start
.globl _start
_start:
    csrr a0, mhartid
    la sp, stacks
    slli t0, a0, 12
    add sp, sp, t0
    la t0, on_trap
    csrw mtvec, t0
    call main
1:  wfi
    j 1b

.balign 4
.globl on_trap
on_trap:
    addi sp, sp, -64
    sw ra, 0(sp)
    sw t0, 4(sp)
    sw t1, 8(sp)
    sw t2, 12(sp)
    sw a0, 16(sp)
    sw a1, 20(sp)
    sw a2, 24(sp)
    sw a3, 28(sp)
    sw a4, 32(sp)
    sw a5, 36(sp)
    sw a6, 40(sp)
    sw a7, 44(sp)
    csrr a0, mcause
    csrr a1, mepc
    csrr a2, mtval
    call handle
    csrw mepc, a0
    lw ra, 0(sp)
    lw t0, 4(sp)
    lw t1, 8(sp)
    lw t2, 12(sp)
    lw a0, 16(sp)
    lw a1, 20(sp)
    lw a2, 24(sp)
    lw a3, 28(sp)
    lw a4, 32(sp)
    lw a5, 36(sp)
    lw a6, 40(sp)
    lw a7, 44(sp)
    addi sp, sp, 64
    mret
