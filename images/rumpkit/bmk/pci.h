/* pci.h - PCI functions and their configuration space (PCI Local Bus 3.0); inside bmk. */
#ifndef BMK_PCI_H
#define BMK_PCI_H

#include <stdbool.h>
#include <stdint.h>

/* A function: bus << 16 | device << 11 | function << 8, as the address port wants it. */
typedef uint32_t pci_function;

#define PCI_ID 0x00            /* vendor, and in the upper half the device */
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MEMORY 2
#define PCI_COMMAND_MASTER 4
#define PCI_COMMAND_NO_INTX 0x400
#define PCI_SUBSYSTEM 0x2c

#define PCI_CAPABILITY_VENDOR 0x09
#define PCI_CAPABILITY_MSIX 0x11

uint32_t pci_read(pci_function function, unsigned offset);
void pci_write(pci_function function, unsigned offset, uint32_t value);

/* Call found() for every function of every bus; nothing where there is no PCI. */
void pci_each(void (*found)(pci_function function));

/* The offset of the next capability with this identity, after that one or 0; 0: none. */
unsigned pci_capability(pci_function function, unsigned identity, unsigned after);

/*
 * The memory a base address register stands for, and its size.  One that the firmware
 * left open, or put where we do not map, gets an address.  0: not memory, or no room.
 */
uint64_t pci_memory(pci_function function, unsigned bar, uint64_t *bytes);

#endif
