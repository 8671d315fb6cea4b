"""What this costs and how fast it is, against what else one would build."""
