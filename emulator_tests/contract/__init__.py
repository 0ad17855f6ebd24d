"""One suite per port, run against everything that fills the port."""
