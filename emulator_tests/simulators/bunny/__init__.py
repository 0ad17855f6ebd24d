"""A simulator of Bunny Stream: one video library and the pull zone in front of it.

Imports nothing of ours; run as `python -m emulator_tests.simulators.bunny`.
"""
