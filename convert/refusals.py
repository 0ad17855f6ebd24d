"""Why a document is not converted. Raised everywhere; `__main__` and `service` turn them into the last event."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """
    Reasons that lie in the document. Trying again with the same document ends the same way.
    """

    BROKEN = "BROKEN"
    EMPTY = "EMPTY"
    ENCRYPTED = "ENCRYPTED"
    TOO_LARGE = "TOO_LARGE"
    TOO_MANY_PAGES = "TOO_MANY_PAGES"
    TOO_MUCH_MEMORY = "TOO_MUCH_MEMORY"
    TOO_SLOW = "TOO_SLOW"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    UNSUPPORTED = "UNSUPPORTED"


SENTENCES = {
    Reason.BROKEN: "The document cannot be read. Open it on your computer, save it again and upload the new file.",
    Reason.EMPTY: "The document has no pages. Upload a document with at least one page.",
    Reason.ENCRYPTED: "The document is protected by a password. Save it without a password and upload it again.",
    Reason.TOO_LARGE: "The document is too large. Upload at most 300 MiB, with smaller pictures.",
    Reason.TOO_MANY_PAGES: "The document has more than 200 pages. Upload it in parts.",
    Reason.TOO_MUCH_MEMORY: "The document takes too much memory. Upload it in parts, or as a PDF.",
    Reason.TOO_SLOW: "The conversion takes too long. Upload the document in parts, or as a PDF.",
    Reason.TYPE_MISMATCH: "The content of the file is not of the type that its name says. Upload the original file.",
    Reason.UNSUPPORTED: "Documents of this kind cannot be converted. Export the document as a PDF and upload that.",
}
"""The sentences for the person who uploaded the document."""


class Refused(Exception):
    """
    The document cannot be converted (never).
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(SENTENCES[reason])
        self.reason = reason


class ConverterError(Exception):
    """
    The converter itself failed, whatever the document is (again).
    """


class SandboxUnavailable(ConverterError):
    """
    This machine cannot run a tool in isolation, so no tool is run (never on this machine).
    """
