/*
 * pci.c - the PCI buses by configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2).
 */
#include "arch.h"
#include "bmk.h"
#include "pci.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ENABLE 0x80000000u
#define NOBODY 0xffffffffu

#define HEADER 0x0c            /* its third byte */
#define HEADER_MANY 0x800000   /* more than function 0 */
#define HEADER_TYPE(header) ((header) >> 16 & 0x7f)
#define HEADER_BRIDGE 1
#define BUSES 0x18             /* of a bridge: primary, secondary, subordinate */
#define STATUS_CAPABILITIES 0x100000
#define CAPABILITIES 0x34
#define CAPABILITIES_MOST 48
#define BAR(index) (0x10 + 4 * (index))
#define BARS 6
#define BAR_PORT 1
#define BAR_64 4
#define BAR_BITS 0xfu

/* Where memory is mapped for devices, and a part of it that no firmware gives away. */
#define MAPPED_START 0xc0000000ul
#define MAPPED_END 0x100000000ul
#define OURS_START 0xf8000000ul
#define OURS_END 0xfc000000ul

static uint64_t ours = OURS_START;

uint32_t pci_read(pci_function function, unsigned offset)
{
	arch_out32(ADDRESS_PORT, ENABLE | function | offset);
	return arch_in32(DATA_PORT);
}

void pci_write(pci_function function, unsigned offset, uint32_t value)
{
	arch_out32(ADDRESS_PORT, ENABLE | function | offset);
	arch_out32(DATA_PORT, value);
}

/* --- finding functions --- */

static void bus_each(unsigned bus, void (*found)(pci_function));

static void function_each(pci_function function, unsigned bus, void (*found)(pci_function))
{
	unsigned secondary;

	if (HEADER_TYPE(pci_read(function, HEADER)) != HEADER_BRIDGE) {
		found(function);
		return;
	}
	/* The firmware numbers buses upwards; anything else would lead in circles. */
	secondary = pci_read(function, BUSES) >> 8 & 0xff;
	if (secondary > bus)
		bus_each(secondary, found);
}

static void bus_each(unsigned bus, void (*found)(pci_function))
{
	for (unsigned device = 0; device < 32; device++) {
		pci_function first = bus << 16 | device << 11;
		unsigned functions = 1;

		if (pci_read(first, PCI_ID) == NOBODY)
			continue;
		if (pci_read(first, HEADER) & HEADER_MANY)
			functions = 8;
		for (unsigned i = 0; i < functions; i++)
			if (pci_read(first | i << 8, PCI_ID) != NOBODY)
				function_each(first | i << 8, bus, found);
	}
}

void pci_each(void (*found)(pci_function function))
{
	/* Where nobody listens at the port, reading it gives ones. */
	arch_out32(ADDRESS_PORT, ENABLE);
	if (arch_in32(ADDRESS_PORT) == ENABLE)
		bus_each(0, found);
}

/* --- what a function has --- */

unsigned pci_capability(pci_function function, unsigned identity, unsigned after)
{
	unsigned at;

	if (!(pci_read(function, PCI_COMMAND) & STATUS_CAPABILITIES))
		return 0;
	at = after ? pci_read(function, after) >> 8 : pci_read(function, CAPABILITIES);
	for (unsigned i = 0; i < CAPABILITIES_MOST; i++) {
		uint32_t head;

		at &= 0xfc;
		if (!at)
			return 0;
		head = pci_read(function, at);
		if ((head & 0xff) == identity)
			return at;
		at = head >> 8;
	}
	return 0;
}

/* What a register decodes: the bits that stay 0 when all are set (6.2.5.1). */
static uint64_t size_of(pci_function function, unsigned bar, bool wide)
{
	uint32_t low = pci_read(function, BAR(bar));
	uint32_t high = wide ? pci_read(function, BAR(bar + 1)) : 0;
	uint64_t mask;

	pci_write(function, BAR(bar), NOBODY);
	mask = pci_read(function, BAR(bar)) & ~BAR_BITS;
	pci_write(function, BAR(bar), low);
	if (wide) {
		pci_write(function, BAR(bar + 1), NOBODY);
		mask |= (uint64_t)pci_read(function, BAR(bar + 1)) << 32;
		pci_write(function, BAR(bar + 1), high);
	} else {
		mask |= mask ? 0xffffffffull << 32 : 0;
	}
	return -mask;
}

uint64_t pci_memory(pci_function function, unsigned bar, uint64_t *bytes)
{
	uint32_t low = bar < BARS ? pci_read(function, BAR(bar)) : BAR_PORT;
	uint32_t command = pci_read(function, PCI_COMMAND);
	bool wide = (low & 6) == BAR_64;
	uint64_t address = low & ~BAR_BITS;

	if (low & BAR_PORT || (wide && bar == BARS - 1))
		return 0;
	if (wide)
		address |= (uint64_t)pci_read(function, BAR(bar + 1)) << 32;
	/* Meanwhile it decodes nothing: the register holds no address. */
	pci_write(function, PCI_COMMAND, command & 0xffff & ~(uint32_t)PCI_COMMAND_MEMORY);
	*bytes = size_of(function, bar, wide);
	if (*bytes && *bytes <= OURS_END - OURS_START &&
	    (address < MAPPED_START || address > MAPPED_END - *bytes)) {
		address = (ours + *bytes - 1) & ~(*bytes - 1);
		if (address > OURS_END - *bytes)
			return 0;
		ours = address + *bytes;
		pci_write(function, BAR(bar), (uint32_t)address);
		if (wide)
			pci_write(function, BAR(bar + 1), 0);
	}
	pci_write(function, PCI_COMMAND, (command & 0xffff) | PCI_COMMAND_MEMORY);
	return *bytes && address >= MAPPED_START && address <= MAPPED_END - *bytes ? address : 0;
}
