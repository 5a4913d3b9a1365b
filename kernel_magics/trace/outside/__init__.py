"""Traces of guests that record nothing themselves: QEMU is asked what they do."""
