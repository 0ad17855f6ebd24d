"""Crash enumeration: run each flow once per effect, with one fault or one change of mind at that effect.

The real code runs over HTTP against the Kaltura simulator. After the fault only the sweep, the queue and the clock go
on. The end state must match the last spec.

Only pytest calls this package. `simulator` runs the account and lists what is in it, `effects` numbers every effect and
injects the fault, `browser` sends bytes, `world` assembles the real code and runs it until nothing is left to do,
`flows` are what users do, and `recording` counts the effects of each flow before the tests are collected. The
invariants of the race model (`emulator_tests/pure/races`), which runs the same code in random order, judge the result.
A few more invariants are here, because they need a real account.

Each run begins with an empty account and ends hours later by its clock. A failed run can be repeated alone by its id,
`test_one_thing_goes_wrong[publish-07-commit-kalturaSession-ready-killed-after]`. It prints its whole log.
"""
