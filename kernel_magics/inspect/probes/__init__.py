"""One probe per subsystem: tables of what a guest's runtime holds, read from its RAM."""
