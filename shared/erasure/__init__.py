"""Erasures of everything of one person or of everybody, `erasures/{erasureId}`, and the export of a person's data."""
