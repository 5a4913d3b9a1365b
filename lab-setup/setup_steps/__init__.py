"""The steps that take a fresh Debian 12 machine to a running lab.

Each `ensure_…` function looks first and acts only where something is missing or out of
date, so that all of them can run at every start.  Everything here runs before .venv
exists: standard library only.
"""
