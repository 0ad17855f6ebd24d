"""The tests of firestore.rules, against a real rules engine.

Run by pytest with the rest of emulator_tests. What the server's functions do with the documents is tested elsewhere.
"""
