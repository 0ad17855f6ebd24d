"""Google Cloud Tasks on this machine."""
