"""Everything the converter bounds. A document beyond one of these is refused with a reason, before it costs more."""

from __future__ import annotations

from typing import Final

MIB: Final = 1024 * 1024

SOURCE_BYTES: Final = 300 * MIB
PAGES: Final = 200

ARCHIVE_ENTRIES: Final = 20_000
ARCHIVE_DIRECTORY_BYTES: Final = 8 * MIB
ARCHIVE_UNPACKED_BYTES: Final = 1024 * MIB
ARCHIVE_RATIO: Final = 200
"""How much larger the unpacked archive may be, once it has more than `ARCHIVE_RATIO_FROM_BYTES`."""
ARCHIVE_RATIO_FROM_BYTES: Final = 64 * MIB
ARCHIVE_PART_BYTES: Final = 4 * MIB
"""How much of one part is unpacked, to find out type, encryption and fonts."""

LONGEST_SIDE_PX: Final = 1920
THUMBNAIL_SIDE_PX: Final = 320
PICTURE_PIXELS: Final = 400_000_000
"""The most pixels of an uploaded picture: an A0 scan at 300 dpi has 140 million."""
DECODED_PIXELS: Final = 100_000_000
"""The most pixels that are decoded at once. A JPEG can be decoded at a part of its size, a PNG cannot."""

TOOL_S: Final = 60.0
"""How long one run of a tool, or one page, may take."""
CONVERSION_S: Final = 900.0
"""How long all pages together may take."""

TOOL_MEMORY_BYTES: Final = 1024 * MIB
"""The memory that the processes of one tool may fill, shared libraries and mapped files apart."""
OFFICE_ADDRESS_SPACE_BYTES: Final = 3072 * MIB
"""LibreOffice reserves more than it fills; this stops a single absurd allocation."""
DRAWING_ADDRESS_SPACE_BYTES: Final = 2048 * MIB
SCRATCH_BYTES: Final = 512 * MIB
"""The private /tmp of a tool, which is in memory, too."""
PDF_BYTES: Final = SCRATCH_BYTES
SHARED_MEMORY_BYTES: Final = 16 * MIB
"""The private /dev/shm of a tool."""
PROCESSES: Final = 128
OPEN_FILES: Final = 256

LANES: Final = 4
"""The most processes that draw side by side; never more than there are processors."""
ATTEMPTS: Final = 2
"""
How often a page is drawn the usual way before another way is tried, and how often a document is opened whose program
ends.
"""
