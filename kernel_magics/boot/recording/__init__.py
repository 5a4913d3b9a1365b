"""Recordings of a guest's run, and running them again."""
