"""Timelines of slides: `timelines/{timelineId}` names the documents that say what a session showed when."""
