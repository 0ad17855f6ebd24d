"""The demo: one session's story on the whole stack, told by a browser app's own library."""
