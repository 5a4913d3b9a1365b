"""Run by start, test and doctor as `python3 -I lab-setup COMMAND …`: standard library only."""

import sys

from setup_steps.command_line import main

sys.exit(main(sys.argv[1:]))
