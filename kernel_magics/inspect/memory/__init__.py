"""The memory of a guest: whose it is, page tables, allocators, heaps and leaks."""
