"""A simulator of Kaltura's API v3: `python -m emulator_tests.simulators.kaltura`.

Started as a program by the test stack and the demo. Imports nothing of the project.
"""
