"""Call Kaltura with KalturaApiClient's types over our own HTTP, and turn every failure into an error of ours.

Called by the adapters of this folder, which import it only for the first call: the library takes a quarter of a second
to import. The adapters say what to ask for, and `signing.py` makes the KS.

Only the library's types and services are used. Its HTTP is not: it opens a connection and reads the certificates anew
for each call, takes any HTTP status for success, repairs broken XML by guessing, and mixes up callers that share it.
Nothing here is logged, and no error sentence repeats what the server said, because an error message may hold a KS.
"""

from __future__ import annotations

import json
import re
import select
import ssl
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import certifi
from KalturaClient import KalturaClient, KalturaConfiguration
from KalturaClient.Base import KalturaObjectFactory
from KalturaClient.exceptions import KalturaClientException
from lxml import etree

from shared.core.errors import Doubtful, Misconfigured, Permanent, ProviderError, Transient
from shared.providers.codes import CONNECTION_LOST, MALFORMED, TIMEOUT, UNREACHABLE
from shared.providers.secret import SecretWatch

PROVIDER: Final = "kaltura"

# A failure of the wire in addition to those of `shared/providers/codes.py`.
TLS_FAILED: Final = "TLS_FAILED"

# Kaltura's codes that are not simply final (APIErrors.class.php, KalturaErrors.php).
INVALID_KS: Final = "INVALID_KS"
ACTION_BLOCKED: Final = "ACTION_BLOCKED"
LOCK_TIMED_OUT: Final = "LOCK_TIMED_OUT"
FILE_PENDING: Final = "FILE_PENDING"
CHUNK_NOT_THERE_YET: Final = "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE"
INTERNAL_SERVER_ERROR: Final = "INTERNAL_SERVER_ERROR"
INTERNAL_DATABASE_ERROR: Final = "INTERNAL_DATABASE_ERROR"
SEARCH_ENGINE_QUERY_FAILED: Final = "SEARCH_ENGINE_QUERY_FAILED"

# Entries that are being broadcast or recorded cannot be deleted until that is over (myEntryUtils::deleteEntry).
_IN_USE: Final = frozenset(
    {
        "CANNOT_DELETE_LIVE_ENTRY_WHILE_STREAMING",
        "RECORDED_NOT_READY",
        "RECORDING_FLOW_NOT_COMPLETE",
        "RECORDING_CONTENT_NOT_YET_SET",
    }
)
# Kaltura throws these before it writes anything, so the same call may be repeated. The rate limit is checked before the
# arguments (KalturaDispatcher), and things that are added under a lock are added wholly inside it. An expired KS may
# have been made while a clock was just set; the next call makes a new one.
_NOT_DONE: Final = _IN_USE | {ACTION_BLOCKED, LOCK_TIMED_OUT, FILE_PENDING, CHUNK_NOT_THERE_YET, INVALID_KS}
# Kaltura throws these if an action broke somewhere in the middle (KalturaFrontController::getExceptionObject).
_HALF_DONE: Final = frozenset({INTERNAL_SERVER_ERROR, INTERNAL_DATABASE_ERROR, SEARCH_ENGINE_QUERY_FAILED})

_LONGEST_WAIT_S: Final = 3600.0
_LARGEST_ANSWER_BYTES: Final = 32 * 1024 * 1024
_READ_BYTES: Final = 64 * 1024
_HEADERS: Final = {
    # The server ignores a JSON body whose type carries a charset (kaltura.md 1).
    "Content-Type": "application/json",
    "Accept": "text/xml",
    "Accept-Encoding": "gzip",
    "User-Agent": "greenroom",
}

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

# The pattern that the server replaces in any text of a multirequest
# (KalturaFrontController::getMultiRequestResultsPaths).
_REFERENCE: Final = re.compile(r"\{(?=[0-9]+:result.*\})")
_WORD_JOINER: Final = "\u2060"
_STEP: Final = re.compile(r"[A-Za-z0-9_]+")

Ask = Callable[[Any], Any]
"""Makes exactly one service call on the library's client that it is given, and nothing else."""


class Client:
    """
    The client of one Kaltura account; safe to share between threads, created once per process.

    Each call gets a library client and a kept-alive connection for itself: if two callers share a library client, the
    library gives one caller's KS to the other.

    Args:
        service_url: Kaltura's address, e.g. `https://www.kaltura.com`; plain http on the loopback only.
        plugins: The library's plugins beside `Core` whose services or types are used, e.g. `Schedule`.
        connect_timeout_s: The time for the connection and its TLS handshake.
        answer_timeout_s: The time for each silence while the request is sent and the answer is read, and for a whole
            answer.
        idle_s: A connection unused for longer is closed. If the server drops it while a request is on its way, it is
            unknown whether the request was done.
        ca_file: Certificates to trust instead of Mozilla's.

    Raises:
        Misconfigured: The address cannot be used (never).
    """

    def __init__(
        self,
        service_url: str,
        *,
        plugins: Sequence[str] = (),
        connect_timeout_s: float = 5.0,
        answer_timeout_s: float = 30.0,
        idle_s: float = 30.0,
        ca_file: str | None = None,
    ) -> None:
        address = _address(service_url)
        secret = SecretWatch(PROVIDER, "Kaltura", "KALTURA_ADMIN_SECRET")
        self._new: Callable[[], _Library] = lambda: _Library(
            tuple(plugins), _Line(address, connect_timeout_s, answer_timeout_s, idle_s, ca_file), address.path, secret
        )
        self._idle: list[_Library] = []

    def call(self, ks: str | None, ask: Ask, *, fields: Sequence[str] = ()) -> Any:
        """
        Make one service call, in one round trip.

        Args:
            ks: The KS of the caller.
            ask: `lambda c: c.media.get(entry_id)`; a plugin's service is `c.<plugin>.<service>`.
            fields: The only fields wanted of each object; the others will be `NotImplemented`. Empty for all.

        Returns:
            What the library's service returns: its object, a list, a scalar, or nothing.

        Raises:
            Transient: It was not done (again).
            Doubtful: It may have been done (again, look first).
            Permanent: Kaltura refused; `code` says why (never).
        """
        with self._lent() as library:
            return library.call(ks, ask, fields)

    def multi(self, ks: str | None) -> Multi:
        """
        Return a multirequest: several service calls in one round trip, with this KS unless a call has its own.
        """
        return Multi(self._lent, ks)

    def close(self) -> None:
        """
        Close the connections that no call is using.
        """
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _lent(self) -> Iterator[_Library]:
        try:
            library = self._idle.pop()
        except IndexError:
            library = self._new()
        try:
            yield library
        finally:
            self._idle.append(library)


class Multi:
    """
    Several service calls in one request; created by `Client.multi`, sent once.

    Kaltura runs them one by one, in order, and continues after one that fails. If a later call refers to the result of
    a failed one, it gets an empty text. Text that users typed may look like such a reference. An invisible word joiner
    after its brace prevents that, and Kaltura stores it with the text.
    """

    def __init__(self, lent: Callable[[], Any], ks: str | None) -> None:
        self._lent = lent
        self._ks = ks
        self._questions: list[_Question] = []
        self._asked: list[Asked] = []

    def ask(self, ask: Ask, *, ks: str | None = None, fields: Sequence[str] = (), many: bool = False) -> Asked:
        """
        Add a call, to be sent with the others.

        Args:
            ask: As for `Client.call`.
            ks: The KS of this call, if it is another than that of the others.
            fields: As for `Client.call`.
            many: Whether the action returns a bare list of objects, which cannot be seen from the answer.

        Returns:
            A placeholder for its answer: later calls may refer to it at once, and `send` fills it.
        """
        with self._lent() as library:
            self._questions.append(library.question(ks or self._ks, ask, fields, many=many))
        self._asked.append(Asked(len(self._asked) + 1))
        return self._asked[-1]

    def send(self) -> None:
        """
        Send all calls. Afterwards each result of `ask` has its answer.

        Raises:
            Transient: None of it was done (again).
            Doubtful: There is no valid answer for all of them (again, look first).
        """
        with self._lent() as library:
            answers = library.multirequest(self._questions)
        for asked, answer in zip(self._asked, answers, strict=True):
            asked._settle(answer)


class Asked:
    """
    One call of a `Multi`: a promise of its answer, then the answer.
    """

    def __init__(self, position: int) -> None:
        self._position = position
        self._settled = False
        self._answer: Any = None

    def result(self, *path: str) -> Reference:
        """
        Return a reference to a piece of the answer. Kaltura fills it in if a later call of the same `Multi` uses it.

        Args:
            path: `"id"`, or for lists `"objects", "0", "id"`; nothing for a scalar.
        """
        if not all(_STEP.fullmatch(step) for step in path):
            raise ValueError("a reference is a path of names and numbers")
        return Reference("{" + ":".join((str(self._position), "result", *path)) + "}")

    @property
    def error(self) -> ProviderError | None:
        """
        Return the error of this call, or `None` if it has an answer.
        """
        if not self._settled:
            raise RuntimeError("the multirequest has not been answered")
        return self._answer if isinstance(self._answer, ProviderError) else None

    def answer(self) -> Any:
        """
        Return the object, or list, that this call returned; the text of a scalar; nothing if the action returns
        nothing.

        Raises:
            Transient, Doubtful, Permanent: As `Client.call` would for this call alone.
        """
        if self.error is not None:
            raise self.error
        return self._answer

    def _settle(self, answer: Any) -> None:
        self._settled, self._answer = True, answer


class Reference(str):
    """
    Text that Kaltura completes from an earlier answer of the same multirequest.

    Text is added with `+`. Any other operation would make it plain text, which refers to nothing.
    """

    __slots__ = ()

    def __str__(self) -> str:
        # The library passes every value through `str`, which must return a reference still.
        return self

    def __add__(self, text: str) -> Reference:
        return Reference(str.__add__(self, _braceless(text)))

    def __radd__(self, text: str) -> Reference:
        return Reference(str.__add__(_braceless(text), self))

    def __format__(self, spec: str) -> str:
        raise TypeError("add text to a reference with +")


@dataclass(frozen=True, slots=True)
class _Question:
    """
    One service call as it is sent.
    """

    service: str
    action: str
    returns: str
    params: dict[str, Any]
    many: bool = False

    @property
    def operation(self) -> str:
        return f"{self.service}.{self.action}"


@dataclass(frozen=True, slots=True)
class _Address:
    host: str
    port: int | None
    secure: bool
    path: str


class _Library(KalturaClient):  # type: ignore[misc]  # the library has no types
    """
    The vendor's client without its HTTP: its services build the request and parse the answer.
    """

    def __init__(self, plugins: tuple[str, ...], line: _Line, path: str, secret: SecretWatch) -> None:
        self._plugins = plugins
        self._line = line
        self._secret = secret
        self._path = f"{path}/api_v3/service/"
        self._common: dict[str, Any] = {}
        self._question: _Question | None = None
        self._answered = False
        self._parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True)
        super().__init__(KalturaConfiguration())
        self.setClientTag("greenroom")

    def close(self) -> None:
        self._line.close()

    def call(self, ks: str | None, ask: Ask, fields: Sequence[str]) -> Any:
        with self._speaking(ks, fields):
            try:
                answer = ask(self)
            except (KalturaClientException, AttributeError, LookupError, TypeError, ValueError):
                # Before the answer this is a bug of the caller. After it, the library failed to parse the answer.
                if not self._answered:
                    raise
                raise _malformed(self._asked().operation) from None
            return _sound(answer, self._asked())

    def question(self, ks: str | None, ask: Ask, fields: Sequence[str], *, many: bool) -> _Question:
        with self._speaking(ks, fields):
            self.startMultiRequest()
            try:
                ask(self)
            finally:
                self.multiRequestReturnType = None
            return replace(self._asked(), many=many)

    def multirequest(self, questions: Sequence[_Question]) -> list[Any]:
        """
        Return the answer, or the error, to each question.
        """
        operation = "+".join(question.operation for question in questions)
        calls = {
            str(index): {"service": question.service, "action": question.action, **_neutral(question.params)}
            for index, question in enumerate(questions)
        }
        result = self._result(operation, "multirequest", calls)
        if len(result) != len(questions):
            raise self._error(result, operation) or _malformed(operation)
        return [
            self._error(node, question.operation) or _read(node, question)
            for node, question in zip(result, questions, strict=True)
        ]

    def loadPlugins(self) -> None:  # noqa: N802 - the library's name; its own loads all 123 of them
        for plugin in ("Core", *self._plugins):
            self.loadPlugin(plugin)

    def queueServiceActionCall(  # noqa: N802 - the library's name
        self, service: str, action: str, returns: str, params: Any, files: Any = None
    ) -> None:
        if self._question is not None:
            raise RuntimeError("one service call at a time")
        if files:
            raise RuntimeError("files go to Kaltura from where they are, not through here")
        self._question = _Question(service, action, returns, {**params.get(), **self._common})

    def doQueue(self) -> Any:  # noqa: N802 - the library's name
        question = self._asked()
        result = self._result(question.operation, f"{question.service}/action/{question.action}", question.params)
        error = self._error(result, question.operation)
        if error is not None:
            raise error
        self._answered = True
        return result

    def _error(self, node: Any, operation: str) -> ProviderError | None:
        """
        Return the refusal in an answer, `None` if there is none. Every KS is created right before its use. So if
        Kaltura cannot decrypt it, its secret is another one than ours.
        """
        if _rejects_secret(node):
            return self._secret.rejected(operation, INVALID_KS)
        error = _error(node, operation)
        if error is None:
            self._secret.accepted()
        return error

    @contextmanager
    def _speaking(self, ks: str | None, fields: Sequence[str]) -> Iterator[None]:
        if ks is not None:
            self._common["ks"] = ks
        if fields:
            self._common["responseProfile"] = {
                "objectType": "KalturaDetachedResponseProfile",
                "type": "1",
                "fields": ",".join(fields),
            }
        try:
            yield
        finally:
            self._common, self._question, self._answered = {}, None, False

    def _asked(self) -> _Question:
        if self._question is None:
            raise RuntimeError("exactly one service call is to be made")
        return self._question

    def _result(self, operation: str, path: str, params: dict[str, Any]) -> Any:
        body = json.dumps({**self.clientConfiguration, "format": "2", **params}, separators=(",", ":"))
        answer = self._line.post(operation, self._path + path, body.encode()).translate(None, _NOT_XML)
        if not _BEGINNING.match(answer):
            raise _malformed(operation)
        try:
            result = etree.fromstring(answer, self._parser).find("result")
        except etree.XMLSyntaxError:
            raise _malformed(operation) from None
        if result is None:
            raise _malformed(operation)
        return result


class _Line:
    """
    One kept-alive connection. It is opened in a separate step, so that it is always known whether a failed request may
    have reached Kaltura.
    """

    def __init__(
        self, address: _Address, connect_timeout_s: float, answer_timeout_s: float, idle_s: float, ca_file: str | None
    ) -> None:
        self._address = address
        self._connect_timeout_s = connect_timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._idle_s = idle_s
        self._ca_file = ca_file
        self._connection: HTTPConnection | None = None
        self._used_at_s = 0.0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def post(self, operation: str, path: str, body: bytes) -> bytes:
        """
        Return the whole answer to a request, unzipped.

        Raises:
            Transient: Nothing was sent, or the server in front of Kaltura refused it (again).
            Doubtful: Anything else than a complete answer with status 200 (again, look first).
        """
        connection = self._open(operation)
        whole = False
        try:
            connection.request("POST", path, body, _HEADERS)
            response = connection.getresponse()
            if response.status != 200:
                raise _refusal(operation, response.status, response.headers)
            answer = _body(response, monotonic() + self._answer_timeout_s)
            if len(answer) > _LARGEST_ANSWER_BYTES:
                raise _malformed(operation)
            if response.length:
                raise IncompleteRead(b"", response.length)
            whole = response.isclosed()
        except TimeoutError as exc:
            raise _doubtful(operation, TIMEOUT, "Kaltura did not answer in time.") from exc
        except (OSError, IncompleteRead) as exc:
            raise _doubtful(operation, CONNECTION_LOST, "The connection to Kaltura broke off.") from exc
        except HTTPException:
            raise _malformed(operation) from None
        finally:
            if whole:
                self._used_at_s = monotonic()
            else:
                self.close()
        return _unzipped(operation, answer) if response.headers["Content-Encoding"] == "gzip" else answer

    def _open(self, operation: str) -> HTTPConnection:
        if self._connection is not None:
            if self._connection.sock is not None and not self._stale(self._connection):
                return self._connection
            self.close()
        host, port = self._address.host, self._address.port
        connection = (
            HTTPSConnection(host, port, timeout=self._connect_timeout_s, context=_trust(self._ca_file))
            if self._address.secure
            else HTTPConnection(host, port, timeout=self._connect_timeout_s)
        )
        try:
            connection.connect()
        except ssl.SSLError as exc:
            connection.close()
            raise _transient(operation, TLS_FAILED, "No secure connection to Kaltura could be made.") from exc
        except OSError as exc:
            connection.close()
            raise _transient(operation, UNREACHABLE, "Kaltura could not be reached.") from exc
        connection.sock.settimeout(self._answer_timeout_s)
        self._connection = connection
        return connection

    def _stale(self, connection: HTTPConnection) -> bool:
        if monotonic() - self._used_at_s > self._idle_s:
            return True
        # On an idle connection nothing should arrive. Bytes here mean that the other side is closing it.
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        return bool(poll.poll(0))


@lru_cache
def _trust(ca_file: str | None) -> ssl.SSLContext:
    # Reading the certificates takes 20 ms and more, which the library spends on each call.
    return ssl.create_default_context(cafile=ca_file or certifi.where())


def _address(service_url: str) -> _Address:
    address = urlsplit(service_url)
    if not address.hostname or address.scheme not in ("http", "https"):
        raise Misconfigured("Kaltura's address must be complete, such as https://www.kaltura.com.")
    if address.scheme == "http" and address.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise Misconfigured("Kaltura's address must begin with https://, because every call carries a KS.")
    return _Address(address.hostname, address.port, address.scheme == "https", address.path.rstrip("/"))


def _body(response: HTTPResponse, ends_at: float) -> bytes:
    """
    Return the body of an answer, up to the maximum size.

    Raises:
        TimeoutError: It arrives too slowly (again, look first).
    """
    body = bytearray()
    while len(body) <= _LARGEST_ANSWER_BYTES and (part := response.read1(_READ_BYTES)):
        body += part
        if monotonic() > ends_at:
            raise TimeoutError
    if len(body) <= _LARGEST_ANSWER_BYTES and not response.length:
        # Nothing is left to read. Only this read ends the answer, so that its connection may be used again.
        response.read(1)
    return bytes(body)


def _unzipped(operation: str, answer: bytes) -> bytes:
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unzip.decompress(answer, _LARGEST_ANSWER_BYTES)
    except zlib.error:
        raise _malformed(operation) from None
    if not unzip.eof:
        raise _malformed(operation)
    return plain


def _neutral(value: Any) -> Any:
    """
    Return the same parameters, with text that looks like a reference changed to mean itself. Pure.
    """
    if isinstance(value, Reference):
        return value
    if isinstance(value, str):
        return _REFERENCE.sub("{" + _WORD_JOINER, value) if "{" in value else value
    if isinstance(value, dict):
        return {key: _neutral(inner) for key, inner in value.items()}
    return [_neutral(inner) for inner in value]


def _braceless(text: str) -> str:
    # The server reads a reference up to the last brace of the whole text.
    if "{" in text or "}" in text:
        raise ValueError("text beside a reference cannot hold braces")
    return text


def _read(node: Any, question: _Question) -> Any:
    """
    Parse one answer of a multirequest that is not a refusal. Return the object, the text, nothing, or an error if it
    cannot be parsed.
    """
    if question.returns == "None":
        return node.text
    try:
        if question.many:
            return [_sound(one, question) for one in KalturaObjectFactory.createArray(node, question.returns)]
        return _sound(KalturaObjectFactory.create(node, question.returns), question)
    except Doubtful as malformed:
        return malformed
    except (KalturaClientException, AttributeError, LookupError, TypeError, ValueError):
        return _malformed(question.operation)


def _sound(answer: Any, question: _Question) -> Any:
    """
    Return the answer, unless it has no object, or the object has no id.
    """
    if question.returns != "None" and (answer is None or getattr(answer, "id", NotImplemented) in ("", None)):
        raise _malformed(question.operation)
    return answer


def _error(node: Any, operation: str) -> ProviderError | None:
    """
    Return Kaltura's refusal as an error of ours, `None` if there is none.

    Source: KalturaXmlSerializer::serializeObject; objects may have a field `error` too, without a code in it.
    """
    refusal = node.find("error")
    if refusal is None or refusal.find("code") is None or refusal.find("message") is None:
        return None
    said = (refusal.findtext("code") or "").strip()
    code = said if _CODE.fullmatch(said) else "UNKNOWN"
    if code in _IN_USE:
        return _transient(operation, code, "It is being broadcast or recorded, and is deleted once that is over.")
    if code in _NOT_DONE:
        return _transient(operation, code, f"Kaltura cannot do this right now: {code}.")
    if code in _HALF_DONE:
        return _doubtful(operation, code, f"Kaltura failed while doing this: {code}.")
    return Permanent(
        f"Kaltura refused {operation}: {code}{_blamed(refusal)}.",
        provider=PROVIDER,
        operation=operation,
        code=code,
    )


def _rejects_secret(node: Any) -> bool:
    """
    Tell whether an answer refuses a KS that Kaltura could not decrypt.
    """
    refusal = node.find("error")
    if refusal is None or (refusal.findtext("code") or "").strip() != INVALID_KS:
        return False
    args = {item.findtext("name"): item.findtext("value") or "" for item in refusal.iterfind("args/item")}
    return args.get("ERR_CODE") == _UNREADABLE and _UNREADABLE_KS.fullmatch(args.get("KSID", "")) is not None


def _blamed(refusal: Any) -> str:
    # The only part that the sentence repeats is the property that failed validation. It is a name from Kaltura's own
    # code.
    for item in refusal.iterfind("args/item"):
        name = item.findtext("value") or ""
        if item.findtext("name") in ("PROP_NAME", "PROP") and _PROPERTY.fullmatch(name):
            return f" ({name})"
    return ""


def _refusal(operation: str, status: int, headers: Message) -> ProviderError:
    """
    Return the error of a status other than 200, whatever the body says.

    Kaltura's API answers 200 even if it refuses: any other status is from the server in front of it. With 3xx and 4xx
    that server refused the request before Kaltura got it. With every other status Kaltura may have done it.
    """
    kind = Transient if 300 <= status < 500 else Doubtful
    return kind(
        f"Kaltura's front-end server answered with HTTP status {status}.",
        provider=PROVIDER,
        operation=operation,
        code=f"HTTP_{status}",
        retry_after_s=_retry_after_s(headers),
    )


def _retry_after_s(headers: Message) -> float | None:
    """
    Return how long the answer asks us to wait, an hour at most; `None` if it does not, or is not valid. Pure.
    """
    asked = headers.get("Retry-After", "")
    if asked.isascii() and asked.isdigit():
        return min(float(asked), _LONGEST_WAIT_S)
    try:
        # Measured by the server's clock, which also made the date.
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date", ""))
    except (OverflowError, TypeError, ValueError):
        return None
    return min(max(wait.total_seconds(), 0.0), _LONGEST_WAIT_S)


def _transient(operation: str, code: str, sentence: str) -> Transient:
    return Transient(sentence, provider=PROVIDER, operation=operation, code=code)


def _doubtful(operation: str, code: str, sentence: str) -> Doubtful:
    return Doubtful(sentence, provider=PROVIDER, operation=operation, code=code)


def _malformed(operation: str) -> Doubtful:
    # Raised without a cause: a parser's error would repeat what the server said.
    return _doubtful(operation, MALFORMED, "Kaltura's answer was cut off or could not be read.")
