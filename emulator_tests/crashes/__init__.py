"""Crash enumeration: the real code over HTTP against the Kaltura simulator, with one thing going wrong at each of its
effects in turn; then only the sweep, the queue and the clock go on, and what is left must be what was last wished.

Called by pytest alone. The rooms: `simulator` runs the account and tells what is in it, `effects` numbers every effect
and lets one go wrong, `browser` sends bytes, `world` puts the real code together and lets it run to its rest, `flows`
are what users do, `recording` counts the effects of each flow before the tests are collected. What is right is judged
by the invariants of the model of races (`emulator_tests/pure/races`), which plays the same code in disorder, and by a
few here that need a real account.

Each run begins with an empty account and ends hours later by its clock. A run that fails can be run alone by its id,
`test_one_thing_goes_wrong[publish-07-commit-kalturaSession-ready-killed-after]`, and prints its whole course.
"""
