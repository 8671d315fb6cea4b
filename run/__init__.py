"""The program behind `make run`."""
