#!/bin/sh
# Rebuilds stress.elf with the compiler of the extra "firmware" (ziglang 0.13.0); run it here, commit the result.
exec "${PYTHON:-python}" -m ziglang cc -target thumb-freestanding-eabihf -mcpu=cortex_m33+fp_armv8d16sp \
	-O2 -g0 -s -std=gnu17 -ffreestanding -fno-sanitize=all -Wall -Wextra -Werror -nostdlib -T stress.ld \
	-Wl,--entry=Reset_Handler -Wl,--gc-sections -Wl,-z,max-page-size=16 -o stress.elf stress.c
