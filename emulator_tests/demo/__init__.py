"""The demo: the life of three sessions on the whole stack, seen by a browser app."""
