"""What everything else is built on: errors, the log, paths of documents, who calls, and how things are named.

Knows nothing else of this project.
"""
