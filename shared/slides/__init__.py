"""Shared live media: documents that a session's instructors show page by page, `slides/{mediaId}`.

An instructor uploads a document straight to Cloud Storage. It is converted to one image per page, and can then be shown
in the live session: the session's document says which media is shown, and which page.
"""
