"""Somebody's own Python: loaded by name, given a Turn, run, and ended when it has to."""
