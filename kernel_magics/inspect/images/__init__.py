"""What is in an image: symbols, sizes, code, sections, layers, and how two differ."""
