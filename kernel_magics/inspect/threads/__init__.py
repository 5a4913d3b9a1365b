"""The threads of a guest: what they do, what they wait for, who holds which lock."""
