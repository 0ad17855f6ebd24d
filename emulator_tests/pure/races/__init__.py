"""The model of races: the real reconciles, feed, sweep and callables on in-memory parts, with every effect a moment at
which someone else may go first, time may pass, and something may go wrong.

Called by `test_races.py`, and by hand to read one interleaving: `python -m emulator_tests.pure.races --seed 17`.
Everything follows from the seed. The rooms: `stage` hands the baton from one worker to the next at their effects,
`weather` says what goes wrong, `chronicle` keeps what happened, `invariants` judge it, `play` is one interleaving from
its first move to its rest, `defects` break the mechanism, to show that the model notices.
"""
