"""A guest's console: what it wrote, what it is given, the window it is seen in."""
