"""The race model: reconciles, readiness poller, sweep and callables in random order, with random faults.

The code is the real one, on in-memory ports. Around every effect, another worker may go first, time may pass, and
something may go wrong. Everything is determined by the seed.

Called by `test_races.py`, and by hand to read one interleaving: `python -m emulator_tests.pure.races --seed 17`.
`scheduler` runs one worker at a time, `faults` injects faults, `chronicle` logs what happened, `invariants`
checks it, `play` runs one interleaving from its first move until nothing is left to do, and `defects` breaks the
mechanism, to show that the model notices.
"""
