"""Panics: the record a guest leaves, as a report that says what happened."""
