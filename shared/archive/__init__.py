"""Originals of videos that nobody watches, in cold storage and back: `archive/{entryId}`."""
