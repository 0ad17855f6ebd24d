"""The providers, hosts and chat servers that a deployment can have.

Each has a folder, with its settings in `settings.py` and its adapter beside them, and one line in `registry.py`.
"""
