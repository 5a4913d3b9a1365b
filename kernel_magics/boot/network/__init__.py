"""A guest's network: how it reaches the host, is reached, and what passes."""
