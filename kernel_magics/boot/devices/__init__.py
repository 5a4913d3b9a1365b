"""What a guest is given besides memory: disks, shares, and where each device sits."""
