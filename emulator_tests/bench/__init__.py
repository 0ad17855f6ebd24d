"""Us and our peers, measured in one run: `make bench AREA=…`, or `python -m emulator_tests.bench [AREA…]`."""
