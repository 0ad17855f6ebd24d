"""The one description of documents, callables and error codes.

`documents.py` and `callables.py` are for people who change them; `*.json` is what clients read, written from them and
from the callables of `functions/` by `make docs`. Of this folder only `errors.json` is read in the cloud.
"""
