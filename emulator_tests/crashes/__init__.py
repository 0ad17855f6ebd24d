"""Crash enumeration: one fault or one change of mind at each effect of each flow in turn.

The real code runs over HTTP against the Kaltura simulator. After the fault only the sweep, the queue and the clock go
on. The end state must match the last spec.

Only pytest calls this package. `simulator` runs the account and lists what is in it, `effects` numbers every effect and
injects the fault, `browser` sends bytes, `account` assembles the real code on the account, `world` runs it until
nothing is left to do, `acts` are what users do, `flows` are their orders, `playing` runs a flow, and `recording` counts
the effects of each flow before the tests are collected. `checks` and the invariants of the race model
(`emulator_tests/pure/races`), which runs the same code in random order, judge the result. `memory` does the same for
stories that need no account.

The beginning of a flow is run once: at each effect `forks` copies the process, the copy has the disturbance, recovers
and is judged, and the original goes on. The simulator is another process, so it keeps a snapshot at each effect, and
returns to it after each copy. In memory, copies that are in the same state after the disturbance (`digests`) are judged
once.

Each run begins with an empty account and ends hours later by its clock. A failed case can be repeated alone by its id,
`test_whatever_goes_wrong_once_is_made_good[publish-07-commit-kalturaSession-ready-killed-after]`. It prints its whole
log.
"""
