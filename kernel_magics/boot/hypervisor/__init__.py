"""QEMU, by itself or through libvirt: what it is told, how it is started, which accelerator."""
