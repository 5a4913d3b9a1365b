"""A guest as a file, written and opened."""
