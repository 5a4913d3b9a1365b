"""Variables and structures of a guest, with their types."""
