"""Benchmarks of this project beside its peers, in one run: `make bench AREA=…`, or `python -m emulator_tests.bench
[AREA…]`."""
