"""Google Cloud Storage as an archive, in the classes that cost little to keep.

`settings` declares its settings and opens it. Nothing here imports Google's client before it is needed.
"""
