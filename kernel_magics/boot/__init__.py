"""GuestImage + BootSpec → Guest: start, watch and stop guests under QEMU or libvirt."""
