"""Guests of two kits: what each can record, and how the same program does under both."""
