"""Google's services behind the ports: documents in Firestore, tasks in Cloud Tasks, files in Cloud Storage, accounts in
Firebase Auth.

Imported by `functions/wiring.py` alone. An adapter imports Google's library when it is first used, not when it is
itself imported, so a function that does not need the library starts without its weight.
"""
