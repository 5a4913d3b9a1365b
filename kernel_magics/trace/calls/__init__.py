"""What records mean: names and arguments of calls, their processes, what is used and stubbed."""
