"""The base that everything else is built on: errors, the log, document paths, identities, references and callers.

Imports nothing else of this project.
"""
