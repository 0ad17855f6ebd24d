"""The demo: the life of two sessions on the whole stack, seen by a browser app."""
