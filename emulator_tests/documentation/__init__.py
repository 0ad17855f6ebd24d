"""The generated parts of the documentation; `make docs` writes them, and a test compares them with what is there."""
