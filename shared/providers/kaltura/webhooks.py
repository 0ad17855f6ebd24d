"""Kaltura's HTTP notifications: verify and parse one, install and remove their templates.

Called by `functions/hooks.py` through `ports.Webhook`, and by the operator's command. The signature proves that Kaltura
sent a notification at some time, but not when: anybody who has one can replay it. So only the reference of its entry is
used.

Source: kaltura/server, plugins/event_notification/providers/http/lib/KDispatchHttpNotificationEngine.class.php.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs

from shared.core.errors import BadRequest, NotAllowed, NotFound
from shared.ports import WebhookEvent
from shared.providers.kaltura import mapping
from shared.providers.kaltura.account import KalturaAccount

SIGNATURE: Final = "x-kaltura-signature"
ALGORITHM: Final = "x-kaltura-hash-algo"

WEAK: Final = "sha1"
"""
An algorithm that Kaltura can sign with as well, and that an older version of Greenroom could choose. Its collisions can
be made.
"""


class Algorithm(StrEnum):
    """
    The algorithms that Kaltura may sign with, as its header spells them.
    """

    SHA256 = "sha256"
    SHA512 = "sha512"


_LIBRARY_ALGORITHMS: Final = {Algorithm.SHA256: 2, Algorithm.SHA512: 3}

TEMPLATES: Final = {"HTTP_ENTRY_STATUS_EQUALS": "READY", "HTTP_ENTRY_STATUS_CHANGED": "CHANGED"}
"""Kaltura's ready-made templates, and the names of our copies of them."""


def references(headers: Mapping[str, str], body: bytes, admin_secret: str, namespace: str) -> Sequence[str]:
    """
    Return the references of our things that a notification is about; none if it is about another deployment's. Pure.

    Args:
        headers: The headers as received, by lower-case names.
        body: The body exactly as received.
        admin_secret: The secret that Kaltura signs with.
        namespace: The namespace of this deployment.

    Raises:
        NotAllowed: It is not signed by Kaltura (never).
        BadRequest: It cannot be parsed (never).
    """
    _check_signature(headers, body, admin_secret)
    reference_id = _reference_id(headers.get("content-type", ""), body)
    reference = None if reference_id is None else mapping.ours(namespace, reference_id)
    return [] if reference is None else [reference]


def _check_signature(headers: Mapping[str, str], body: bytes, admin_secret: str) -> None:
    algorithm = headers.get(ALGORITHM, "").lower()
    if algorithm == WEAK:
        raise NotAllowed(
            "The notification is signed with SHA-1, which is not accepted. Run install-hook again.",
            reason="NOTIFICATION_NOT_SIGNED",
        )
    if algorithm not in list(Algorithm):
        raise NotAllowed("The notification has no signature in a known form.", reason="NOTIFICATION_NOT_SIGNED")
    # This is not an HMAC, but a hash of secret and body: anybody who has seen one can compute the hash of the same body
    # with more bytes after it. Between them is the hash's padding, whose first byte, 0x80, is not valid UTF-8 there,
    # and `_reference_id` decodes strictly.
    expected = hashlib.new(algorithm, admin_secret.encode() + body).hexdigest()
    if not hmac.compare_digest(expected.encode(), headers.get(SIGNATURE, "").lower().encode()):
        raise NotAllowed("The notification is not signed with this account's secret.", reason="NOTIFICATION_NOT_SIGNED")


def _reference_id(content_type: str, body: bytes) -> str | None:
    """
    Return the reference id of the entry in a body of any of Kaltura's forms.
    """
    try:
        text = body.decode()
        if content_type.partition(";")[0].strip().lower() == "application/json":
            return _of_object(json.loads(text))
        fields = {name: values[0] for name, values in parse_qs(text, strict_parsing=True, max_num_fields=100).items()}
        data = fields.get("data")
        if not fields:
            raise ValueError("a notification is not empty")
        if data is None:
            return fields.get("entry_reference_id")
        return _of_xml(data) if data.lstrip().startswith("<") else _of_object(json.loads(data))
    except (ValueError, RecursionError):
        # Not UTF-8, not JSON, not a form: even with a valid signature, it is not one of Kaltura's forms.
        raise BadRequest("The notification could not be parsed.", reason="NOTIFICATION_UNREADABLE") from None


def _of_object(notification: Any) -> str | None:
    entry = notification.get("object") if isinstance(notification, dict) else None
    if not isinstance(entry, dict):
        raise ValueError("a notification has an object")
    found = entry.get("referenceId")
    return found if isinstance(found, str) else None


def _of_xml(text: str) -> str | None:
    from lxml import etree

    if "<!" in text:
        # A notification has no declarations, and so no entities.
        raise ValueError("a notification has no declarations")
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        notification = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        raise ValueError("a notification is well-formed") from None
    found: str | None = notification.findtext("object/referenceId")
    return found


@dataclass(frozen=True, slots=True)
class KalturaWebhook:
    """
    Fills `ports.Webhook`.
    """

    account: KalturaAccount

    def heard(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """
        See `ports.Webhook`. Each deployment has templates of its own, so a notification about another one is not passed
        on.
        """
        return WebhookEvent(tuple(references(headers, body, self.account.admin_secret, self.account.namespace)))

    def install(self, url: str, algorithm: str | None = None) -> Sequence[str]:
        """
        See `ports.Webhook`. Copies two templates, one for entries that become ready and one for every other change of
        status. Copies that exist already are updated.
        """
        from KalturaClient.Plugins.EventNotification import KalturaEventNotificationTemplateStatus
        from KalturaClient.Plugins.HttpNotification import KalturaHttpNotificationTemplate, KalturaSecureHashingAlgo

        algorithm = algorithm or Algorithm.SHA256
        if algorithm not in list(Algorithm):
            raise BadRequest(f"Choose one of {', '.join(Algorithm)} for Kaltura to sign with.", reason="OPTION_INVALID")
        hashing = KalturaSecureHashingAlgo(_LIBRARY_ALGORITHMS[Algorithm(algorithm)])
        client, ks = self.account.client, self.account.admin_ks()
        ours = self._installed()
        named = []
        for template, purpose in TEMPLATES.items():
            name = self._system_name(purpose)
            form = KalturaHttpNotificationTemplate(
                name=f"Greenroom ({self.account.namespace}): {purpose.lower()}",
                systemName=name,
                url=url,
                secureHashingAlgo=hashing,
            )
            template_id = ours.get(name) or self._clone(template, form)
            multi = client.multi(ks)
            updated = multi.ask(_on_templates("update", template_id, form))
            active = KalturaEventNotificationTemplateStatus.ACTIVE
            activated = multi.ask(_on_templates("updateStatus", template_id, active))
            multi.send()
            updated.answer()
            activated.answer()
            named.append(name)
        return named

    def remove(self) -> Sequence[str]:
        """
        See `ports.Webhook`.
        """
        removed = []
        for name, template_id in self._installed().items():
            self.account.client.call(self.account.admin_ks(), _on_templates("delete", template_id))
            removed.append(name)
        return removed

    def names(self) -> Sequence[str]:
        """
        Return the names of our copies of the templates.
        """
        return [self._system_name(purpose) for purpose in TEMPLATES.values()]

    def _system_name(self, purpose: str) -> str:
        return f"{self.account.tag.upper()}_{purpose}"

    def _installed(self) -> dict[str, int]:
        """
        Return our copies, by name.
        """
        from KalturaClient.Plugins.Core import KalturaFilterPager
        from KalturaClient.Plugins.EventNotification import KalturaEventNotificationTemplateFilter

        names = self.names()
        asked = KalturaEventNotificationTemplateFilter(systemNameIn=",".join(names))
        listed = _on_templates("list", asked, KalturaFilterPager(pageSize=mapping.PAGE))
        found = self.account.client.call(self.account.admin_ks(), listed).objects
        return {str(one.systemName): int(one.id) for one in found if str(one.systemName) in names}

    def _clone(self, template: str, form: Any) -> int:
        from KalturaClient.Plugins.EventNotification import KalturaEventNotificationTemplateFilter

        client, ks = self.account.client, self.account.admin_ks()
        asked = KalturaEventNotificationTemplateFilter(systemNameEqual=template)
        offered = client.call(ks, _on_templates("listTemplates", asked)).objects
        if not offered:
            raise NotFound(
                f"This Kaltura account has no template {template}. Ask Kaltura to enable HTTP notifications.",
                reason="NOTIFICATIONS_NOT_OFFERED",
            )
        return int(client.call(ks, _on_templates("clone", int(offered[0].id), form)).id)


def _on_templates(action: str, *arguments: Any) -> Any:
    return lambda c: getattr(c.eventNotification.eventNotificationTemplate, action)(*arguments)
