"""The operator's command, `greenroom`. Never deployed with the functions."""
