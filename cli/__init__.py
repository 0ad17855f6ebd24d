"""The operator's command `greenroom`, run from their own machine. Never deployed with the functions.

A file per subject declares its commands with `running.command` and lists them in its `SECTION`; `main.py` lists the
sections. A command imports what it takes from `functions` when it runs: that loads Google's clients, and `--help` and
the completion of a shell must not wait for them.
"""
