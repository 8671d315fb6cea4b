"""The real parts over loopback, for the tests, the chaos program and the bench."""
