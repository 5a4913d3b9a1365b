"""What only guests of upstream Rumprun have: bmk's threads and memory, NetBSD's structures.

The objects that a user holds (`guest.threads`, `guest.memory` …) are the same for both kits;
the modules here say how such a guest is read.
"""
