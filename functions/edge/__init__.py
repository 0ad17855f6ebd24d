"""The layer between the wire and a use case: callables, tasks of queues, and HTTP endpoints.

Called by the other files of `functions/`. Each kind has a file that declares it; they share the limits of requests, the
tokens of callers and the answers.
"""
