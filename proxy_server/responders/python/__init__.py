"""An operator's own Python: loaded by name, given a Turn, run, and ended when it must."""
