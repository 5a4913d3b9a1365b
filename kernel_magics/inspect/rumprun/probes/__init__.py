"""The probes of Rumprun guests: NetBSD's structures in the rows that guests of rumpkit have."""
