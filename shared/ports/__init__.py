"""Every outside thing the domain needs, as a Protocol, with the values that cross the border; a file for each subject.

Called by the domain folders and by `functions/wiring.py`; filled by `cloud/` (documents, queue) and `providers/`
(events, media), and by the in-memory parts of `emulator_tests/fakes.py`, which pass the same contract suites.
"""

from shared.ports.audience import Account, Accounts, Admission, Attendee, Audience
from shared.ports.clock import Clock
from shared.ports.documents import (
    REMOVE,
    Condition,
    Create,
    Delete,
    Document,
    Documents,
    Fields,
    Operator,
    Query,
    Remove,
    Total,
    Update,
    Version,
    Write,
)
from shared.ports.grants import (
    ADDRESSES,
    MANIFEST_URL,
    PROGRESSIVE_URL,
    THUMBNAIL_URL,
    Allowance,
    Grant,
    Parts,
    UploadGrant,
)
from shared.ports.hosts import Host, Hosts, Plays
from shared.ports.inventory import Stray, Strays
from shared.ports.live import NOT_AVAILABLE, Broadcast, EventParts, Events, EventWish, Ingest, Refusal
from shared.ports.provider_accounts import Holder, Holders, Keeper, Place, Places, holder_of, places
from shared.ports.queue import Queue, Task
from shared.ports.setup import Finding, Health, Setup
from shared.ports.videos import (
    CHANGES_MAX,
    OBSERVED_MAX,
    PROGRESS_TOLD,
    Change,
    Changes,
    Media,
    MediaState,
    Observation,
    Source,
    Stage,
    UploadWish,
)
from shared.ports.viewer_keys import ViewerKeys
from shared.ports.webhooks import Heard, Hook

__all__ = [
    "ADDRESSES",
    "CHANGES_MAX",
    "MANIFEST_URL",
    "NOT_AVAILABLE",
    "OBSERVED_MAX",
    "PROGRESSIVE_URL",
    "PROGRESS_TOLD",
    "REMOVE",
    "THUMBNAIL_URL",
    "Account",
    "Accounts",
    "Admission",
    "Allowance",
    "Attendee",
    "Audience",
    "Broadcast",
    "Change",
    "Changes",
    "Clock",
    "Condition",
    "Create",
    "Delete",
    "Document",
    "Documents",
    "EventParts",
    "EventWish",
    "Events",
    "Fields",
    "Finding",
    "Grant",
    "Health",
    "Heard",
    "Holder",
    "Holders",
    "Hook",
    "Host",
    "Hosts",
    "Ingest",
    "Keeper",
    "Media",
    "MediaState",
    "Observation",
    "Operator",
    "Parts",
    "Place",
    "Places",
    "Plays",
    "Query",
    "Queue",
    "Refusal",
    "Remove",
    "Setup",
    "Source",
    "Stage",
    "Stray",
    "Strays",
    "Task",
    "Total",
    "Update",
    "UploadGrant",
    "UploadWish",
    "Version",
    "ViewerKeys",
    "Write",
    "holder_of",
    "places",
]
