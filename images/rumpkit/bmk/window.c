/*
 * window.c - the bell with which the lab says that the console's window has another size.
 *
 * The size itself is in RAM, lab_header.console_window, where it can be read at any time;
 * a byte on the second UART (COM2), whatever byte, is the interrupt.  Nobody who does not
 * ask for the size pays for it.
 */
#include "arch.h"
#include "bmk.h"

#define UART 0x2f8
#define UART_PIN 3
#define UART_DATA (UART + 0)
#define UART_INTERRUPTS (UART + 1)
#define UART_LINE (UART + 3)
#define UART_MODEM (UART + 4)
#define UART_STATUS (UART + 5)
#define UART_ON_DATA 0x01
#define UART_8N1 0x03
#define UART_DTR_RTS_OUT2 0x0b
#define UART_HAS_DATA 0x01
#define UART_ABSENT 0xff         /* what reading gives where there is none */
#define BELLS_MOST 256           /* at a time: the device may lie */

static void (*window_notify)(void);

static bool rung(void)
{
	uint8_t status;
	unsigned bells = 0;

	while ((status = arch_in8(UART_STATUS)) & UART_HAS_DATA && status != UART_ABSENT &&
	    bells < BELLS_MOST) {
		(void)arch_in8(UART_DATA);
		bells++;
	}
	return bells;
}

static void on_interrupt(void *unused)
{
	(void)unused;
	if (rung())
		window_notify();
}

void bmk_console_on_window(void (*notify)(void))
{
	window_notify = notify;
	if (arch_in8(UART_STATUS) == UART_ABSENT)
		return;
	arch_out8(UART_LINE, UART_8N1);
	arch_out8(UART_MODEM, UART_DTR_RTS_OUT2);
	/* Who asks now reads the newest size; bells from before are old news. */
	(void)rung();
	bmk_interrupt_attach(UART_PIN, false, on_interrupt, NULL);
	arch_out8(UART_INTERRUPTS, UART_ON_DATA);
}
