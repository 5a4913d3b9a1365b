"""Stacks as calls: unwinding through the runtime, the program and its libraries."""
