"""What this costs and how fast it is, compared with the alternatives."""
