"""What else one would build: each serves the same answers, at the cost of its own design."""
