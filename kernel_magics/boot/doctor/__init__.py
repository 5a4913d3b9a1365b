"""What this machine can do for the lab, and the fix for what it cannot."""
