/*
 * Console on the UARTE, one line at a time: uarte_begin(), any of the others, uarte_end().
 *
 * The emulated console has no pins and no baud rate. On silicon also set PSEL.TXD and BAUDRATE before ENABLE, and, for
 * the network core, let the application core give the pin away (P0/P1.PIN_CNF[n].MCUSEL).
 */
#ifndef UARTE_H
#define UARTE_H

#include <stdint.h>

/* Waits until the line before has left; starts a new one. */
void uarte_begin(void);

void uarte_text(const char *text);
void uarte_decimal(uint32_t value);
void uarte_hex(uint32_t value);

/* Sends the line, does not wait. Lines longer than the buffer (96 bytes with CR LF) are cut. */
void uarte_end(void);

/* A line of two parts. */
void uarte_line(const char *text, const char *more);

#endif
