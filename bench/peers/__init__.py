"""The alternatives: each serves the same answers, at the cost of its own design."""
