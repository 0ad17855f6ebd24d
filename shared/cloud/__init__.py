"""Google's parts behind the ports: documents in Firestore, tasks in Cloud Tasks.

Named by `functions/wiring.py` alone. Google's libraries are imported when an adapter is first used, not when this is
imported, so a function that needs none of them starts without their weight.
"""
