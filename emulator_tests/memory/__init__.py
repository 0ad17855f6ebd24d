"""In-memory implementations of the ports, one file per subject as in `shared/ports`.

Called by the pure tests, the race model, the crash enumeration and the measurements. They pass the contract suites that
the real adapters pass (`emulator_tests/contract`).

Every call goes through the part's `Effect`, which may disturb it in any way: raise before the call (it did not happen),
make the call and raise (the answer was lost), keep the call and raise (it commits later, when the test makes it), or
make the call twice.
"""

from emulator_tests.memory.audience import MemoryAccounts, MemoryAudience
from emulator_tests.memory.channel import MemoryChannel
from emulator_tests.memory.chat import MemoryChat, SentMessage
from emulator_tests.memory.clock import BEGIN_AT, ManualClock
from emulator_tests.memory.cold_store import COLD_SCHEME, MemoryColdStore
from emulator_tests.memory.converter import MemoryConverter, bad_document, document
from emulator_tests.memory.documents import FIRST_CREATED_AT, MemoryDocuments
from emulator_tests.memory.effect import Effect, undisturbed
from emulator_tests.memory.hosts import MadeCopy, MemoryHost
from emulator_tests.memory.inventory import MemoryInventory
from emulator_tests.memory.jobs import MemoryJobs
from emulator_tests.memory.live import MadeEvent, MemoryEvents
from emulator_tests.memory.originals import MemoryOriginals
from emulator_tests.memory.queue import MemoryQueue
from emulator_tests.memory.storage import AddressRefused, MemoryStorage
from emulator_tests.memory.videos import CHUNK_BYTES, PAGE_ITEMS_MAX, REQUESTS_SPARE, MadeMedia, MemoryMedia
from emulator_tests.memory.viewer_keys import MemoryViewerKeys

__all__ = [
    "BEGIN_AT",
    "CHUNK_BYTES",
    "COLD_SCHEME",
    "FIRST_CREATED_AT",
    "PAGE_ITEMS_MAX",
    "REQUESTS_SPARE",
    "AddressRefused",
    "Effect",
    "MadeCopy",
    "MadeEvent",
    "MadeMedia",
    "ManualClock",
    "MemoryAccounts",
    "MemoryAudience",
    "MemoryChannel",
    "MemoryChat",
    "MemoryColdStore",
    "MemoryConverter",
    "MemoryDocuments",
    "MemoryEvents",
    "MemoryHost",
    "MemoryInventory",
    "MemoryJobs",
    "MemoryMedia",
    "MemoryOriginals",
    "MemoryQueue",
    "MemoryStorage",
    "MemoryViewerKeys",
    "SentMessage",
    "bad_document",
    "document",
    "undisturbed",
]
