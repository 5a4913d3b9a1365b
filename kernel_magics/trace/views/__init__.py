"""What a trace tells: who ran and waited, what happened within what, where the time went."""
