"""The ports: every outside thing that the domain needs, as a Protocol, with its value types; one file per subject.

Called by the domain folders and by `functions/wiring.py`. Implemented by `cloud/` (documents, queue, storage) and
`providers/` (events, media), and in memory by `emulator_tests/memory`; all pass the same contract suites.
"""

from shared.ports.audience import Account, Accounts, Admission, Attendee, Audience
from shared.ports.chat import Chat, ChatLogin
from shared.ports.clock import Clock
from shared.ports.converter import CONVERSION, Conversion, ConvertedPage, Converter
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
    ExternalIds,
    Grant,
    UploadGrant,
    renew_at,
)
from shared.ports.hosts import Host, Hosts, Probe
from shared.ports.inventory import Inventory, InventoryItem
from shared.ports.live import NOT_AVAILABLE, Broadcast, EventIds, Events, EventSpec, Ingest, Refusal
from shared.ports.provider_accounts import Keeper, Place, Places, ProviderAccount, ProviderAccounts, holder_of, places
from shared.ports.queue import Queue, Task
from shared.ports.setup import Finding, Health, Setup
from shared.ports.storage import NO_SUCH_OBJECT, Storage, StoredObject, UploadAddress
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
    UploadSpec,
)
from shared.ports.viewer_keys import ViewerKeys
from shared.ports.webhooks import Webhook, WebhookEvent

__all__ = [
    "ADDRESSES",
    "CHANGES_MAX",
    "CONVERSION",
    "MANIFEST_URL",
    "NOT_AVAILABLE",
    "NO_SUCH_OBJECT",
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
    "Chat",
    "ChatLogin",
    "Clock",
    "Condition",
    "Conversion",
    "ConvertedPage",
    "Converter",
    "Create",
    "Delete",
    "Document",
    "Documents",
    "EventIds",
    "EventSpec",
    "Events",
    "ExternalIds",
    "Fields",
    "Finding",
    "Grant",
    "Health",
    "Host",
    "Hosts",
    "Ingest",
    "Inventory",
    "InventoryItem",
    "Keeper",
    "Media",
    "MediaState",
    "Observation",
    "Operator",
    "Place",
    "Places",
    "Probe",
    "ProviderAccount",
    "ProviderAccounts",
    "Query",
    "Queue",
    "Refusal",
    "Remove",
    "Setup",
    "Source",
    "Stage",
    "Storage",
    "StoredObject",
    "Task",
    "Total",
    "Update",
    "UploadAddress",
    "UploadGrant",
    "UploadSpec",
    "Version",
    "ViewerKeys",
    "Webhook",
    "WebhookEvent",
    "Write",
    "holder_of",
    "places",
    "renew_at",
]
