"""Parse Kaltura's XML answers: find the result, tell refusals from objects, and build the library's objects. Pure.

Called by `library`. No error sentence repeats what the server said, because an error message may hold a KS.
"""

from __future__ import annotations

import re
from typing import Any, Final

from KalturaClient.Base import KalturaObjectFactory
from KalturaClient.exceptions import KalturaClientException
from lxml import etree

from shared.core.errors import Doubtful, ProviderError
from shared.providers.kaltura.client.errors import INVALID_KS, error_of_code, malformed
from shared.providers.kaltura.client.service_call import ServiceCall

UNPARSABLE: Final = (KalturaClientException, AttributeError, LookupError, TypeError, ValueError)
"""What the library raises if it cannot parse an answer."""

# With INVALID_KS Kaltura returns the KS itself if it could not be decrypted with this partner's secret. If it could be
# decrypted, the reason is in its place: EXPIRED, LOGOUT, EXCEEDED_RESTRICTED_URI … (kCurrentContext::initKsPartnerUser,
# KalturaDispatcher). ERR_CODE -4 means that it was decrypted and has the wrong type.
_UNREADABLE_KS: Final = re.compile(r"(?![A-Z_]*\Z).+", re.DOTALL)
_UNREADABLE: Final = "-1"

_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,99}")
_PROPERTY: Final = re.compile(r"[A-Za-z_:]{1,99}")
# The beginning of each of Kaltura's answers (KalturaXmlSerializer::getHeader). It has no room for a DTD, and so none
# for entities.
_BEGINNING: Final = re.compile(rb"<\?xml [^>]{1,100}\?>\s*<xml>")
# The server escapes the five special characters of XML and nothing else (kString::xmlEncode): a control character in
# one title would make a whole list unreadable. None of these bytes is ever part of a longer UTF-8 character.
_NOT_XML: Final = bytes(set(range(0x20)) - set(b"\t\n\r"))


def result_of(operation: str, answer: bytes, parser: etree.XMLParser) -> Any:
    """
    Return the element of an answer that has the result, or the refusal.

    Raises:
        Doubtful: The answer is not one of Kaltura's (again, look first).
    """
    answer = answer.translate(None, _NOT_XML)
    if not _BEGINNING.match(answer):
        raise malformed(operation)
    try:
        result = etree.fromstring(answer, parser).find("result")
    except etree.XMLSyntaxError:
        raise malformed(operation) from None
    if result is None:
        raise malformed(operation)
    return result


def refusal_of(node: Any, operation: str) -> ProviderError | None:
    """
    Return Kaltura's refusal as an error of ours, `None` if there is none.

    Source: KalturaXmlSerializer::serializeObject; objects may have a field `error` too, without a code in it.
    """
    refusal = node.find("error")
    if refusal is None or refusal.find("code") is None or refusal.find("message") is None:
        return None
    said = (refusal.findtext("code") or "").strip()
    return error_of_code(operation, said if _CODE.fullmatch(said) else "UNKNOWN", _blamed(refusal))


def rejects_secret(node: Any) -> bool:
    """
    Tell whether an answer refuses a KS that Kaltura could not decrypt.
    """
    refusal = node.find("error")
    if refusal is None or (refusal.findtext("code") or "").strip() != INVALID_KS:
        return False
    args = {item.findtext("name"): item.findtext("value") or "" for item in refusal.iterfind("args/item")}
    return args.get("ERR_CODE") == _UNREADABLE and _UNREADABLE_KS.fullmatch(args.get("KSID", "")) is not None


def parse_answer(node: Any, call: ServiceCall) -> Any:
    """
    Parse one answer of a multirequest that is not a refusal. Return the object, the text, nothing, or an error if it
    cannot be parsed.
    """
    if call.returns == "None":
        return node.text
    try:
        if call.many:
            return [require_object(one, call) for one in KalturaObjectFactory.createArray(node, call.returns)]
        return require_object(KalturaObjectFactory.create(node, call.returns), call)
    except Doubtful as error:
        return error
    except UNPARSABLE:
        return malformed(call.operation)


def require_object(answer: Any, call: ServiceCall) -> Any:
    """
    Return the answer, unless it has no object, or the object has no id.
    """
    if call.returns != "None" and (answer is None or getattr(answer, "id", NotImplemented) in ("", None)):
        raise malformed(call.operation)
    return answer


def _blamed(refusal: Any) -> str:
    # The only part that the sentence repeats is the property that failed validation. It is a name from Kaltura's own
    # code.
    for item in refusal.iterfind("args/item"):
        name = item.findtext("value") or ""
        if item.findtext("name") in ("PROP_NAME", "PROP") and _PROPERTY.fullmatch(name):
            return f" ({name})"
    return ""
