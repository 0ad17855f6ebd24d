"""One suite per port, run against every part that fills it."""
