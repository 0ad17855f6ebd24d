"""The checks of `doctor --cloud`, one file for each subject. See `cli/cloud/check.py`."""
