"""Events for the school's own app: what happened to sessions and videos, published on a channel, if there is one.

A Controller enqueues a task for each change that an event tells of, among its `follow_ups`. The worker publishes it.
The documents stay the truth: an event that is lost is not repeated.
"""
