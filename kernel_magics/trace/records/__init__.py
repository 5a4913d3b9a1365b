"""Records of a trace: out of the guest's RAM, kept, and as the rows of a table."""
