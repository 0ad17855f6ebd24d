"""Bytes for players: playManifest, flavors, HLS and thumbnails.

Called by `urls` for everything under `/p/`. Who may is decided by `access_rules` for the manifest, thumbnails and raw
files. What a manifest points to asks for no KS, as on the real server, where serveFlavorAction gets none; it is guarded
by the expiring token in its address, if the account's delivery has one.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from emulator_tests.simulators import media
from emulator_tests.simulators.kaltura.errors import ApiError, ServeError
from emulator_tests.simulators.kaltura.models import entitlement, plays
from emulator_tests.simulators.kaltura.models.account import Account, Call
from emulator_tests.simulators.kaltura.models.entry_state import (
    AssetStatus,
    EntryStatus,
    EntryType,
    MediaType,
    flavors_of,
)
from emulator_tests.simulators.kaltura.models.schema import Record, to_int
from emulator_tests.simulators.kaltura.responses import access_rules, address_tokens, live, permissions
from emulator_tests.simulators.kaltura.responses.access_rules import Context, Fault, Visitor, admit, refuse

_HLS = "application/vnd.apple.mpegurl"
_DEFAULT_SIZE = (120, 90)
_DEFAULT_SECOND = 3.0
_MAX_SIDE = 10_000


async def answer(account: Account, request: Request, path: str) -> Response | None:
    """Serve one address under `/p/`; None for one that is not served here."""
    words = [word for word in path.split("/") if word]
    kinds = ("playManifest", "serveFlavor", "thumbnail", "raw")
    # The address of a live packager has no word for itself.
    kind = "live" if words[2:3] == ["e"] else next((word for word in words if word in kinds), None)
    if words[:1] != ["p"] or kind is None:
        return None
    account.counts[kind] += 1
    # What stands in the path wins over the query, and the first of a key over the others, getUrlRequestParams.
    asked = dict(request.query_params) | _pairs(words[2 if kind == "live" else words.index(kind) + 1 :])
    try:
        if words[1] != str(account.partner_id):
            raise refuse(Fault.INVALID_PARTNER)
        visitor = _visitor(request, asked, by_header=kind == "playManifest")
        if kind == "playManifest":
            manifest = await _manifest(account, request, asked, visitor)
            if request.method == "GET" and asked.get("format") != "download":
                plays.report(account, asked["entryId"])
            return manifest
        if kind == "serveFlavor":
            return await _flavor(account, words, asked)
        if kind == "live":
            return await live.answer(account, _living(account, asked.get("e", "")), asked, words[-1])
        if kind == "raw":
            return _raw(account, asked, visitor)
        return await _thumbnail(account, asked, visitor)
    except ServeError as error:
        headers = {"X-Kaltura": f"error-{error.code}", "X-Kaltura-App": f"exiting on error {error.code}"}
        # playManifestAction::execute alone sets 404 for its errors.
        return Response(b"", 404 if kind == "playManifest" else error.status, headers)


def flavor_address(account: Account, base_url: str, flavor: Record, *, downloads: bool = False) -> str:
    """The address of a flavor's bytes without the name of a file; it expires where the account has URL tokens."""
    place = f"/p/{account.partner_id}/sp/{account.partner_id}00/serveFlavor/entryId/{flavor['entryId']}"
    address = f"{place}/v/{flavor.get('version') or 1}/flavorId/{flavor['id']}"
    if downloads:
        address += "/mode/download"
    return f"{base_url}{address}{address_tokens.added(account, str(flavor['id']))}"


async def _manifest(account: Account, request: Request, asked: dict[str, str], visitor: Visitor) -> Response:
    kind = asked.get("format", "url")
    context = Context.DOWNLOAD if kind == "download" else Context.PLAY
    entry = _found(account, asked.get("entryId", ""), visitor)
    admit(account, entry, visitor, context)
    base_url = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if entry["type"] == EntryType.LIVE_STREAM:
        if kind != "applehttp":
            raise refuse(Fault.BAD_QUERY)
        return live.master(account, base_url, entry)
    ready = [each for each in flavors_of(account, entry["id"]) if each["status"] == AssetStatus.READY]
    chosen = _chosen(ready, asked)
    if not chosen:
        raise refuse(Fault.FLAVOR_NOT_FOUND)
    if kind == "applehttp":
        lines = ["#EXTM3U"]
        for each in chosen:
            bandwidth = max(int(each.get("bitrate") or 0), 1) * 1000
            size = f",RESOLUTION={each['width']}x{each['height']}" if each.get("width") else ""
            place = flavor_address(account, base_url, each)
            lines += [f"#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH={bandwidth}{size}", f"{place}/name/index.m3u8"]
        return Response("\n".join(lines) + "\n", media_type=_HLS)
    if kind in ("url", "download"):
        best = chosen[-1]
        place = flavor_address(account, base_url, best, downloads=kind == "download")
        return RedirectResponse(f"{place}/name/a.{best.get('fileExt') or 'mp4'}", 302)
    raise refuse(Fault.BAD_QUERY)


def _found(account: Account, entry_id: str, visitor: Visitor) -> Record:
    """The entry of a manifest, which account features may hide, playManifestAction::initEntry.

    Raises:
        ServeError: INVALID_KS for one that cannot be read, ENTRY_NOT_FOUND.
    """
    try:
        session = permissions.read_session(account, visitor.ks) if visitor.ks else None
    except ApiError:
        raise refuse(Fault.INVALID_KS) from None
    entry = _living(account, entry_id)
    call = Call(account, session, "", visitor.raw_uri, visitor.remote_address)
    if not entitlement.may_see(call, entry) or (session is not None and not access_rules.may_see(call, entry)):
        raise refuse(Fault.ENTRY_NOT_FOUND)
    return entry


def _living(account: Account, entry_id: str) -> Record:
    entry = account.store.entries.get(entry_id)
    if entry is None or entry["status"] == EntryStatus.DELETED:
        raise refuse(Fault.ENTRY_NOT_FOUND)
    return entry


def _chosen(ready: list[Record], asked: dict[str, str]) -> list[Record]:
    """The flavors a manifest offers, the one to play directly last. Pure."""
    ids = _listed(asked, "flavorIds", "flavorId")
    params = _listed(asked, "flavorParamIds", "flavorParamId")
    if ids:
        return [each for each in ready if each["id"] in ids]
    if params:
        return [each for each in ready if str(each["flavorParamsId"]) in params]
    transcodes = [each for each in ready if not each["isOriginal"]]
    return transcodes or ready


async def _flavor(account: Account, words: list[str], asked: dict[str, str]) -> Response:
    address_tokens.check(account, asked.get("flavorId", ""), asked.get("kt", ""))
    entry = _living(account, asked.get("entryId", ""))
    flavor = account.store.flavor_assets.get(asked.get("flavorId", ""))
    if flavor is None or flavor["entryId"] != entry["id"] or flavor["status"] != AssetStatus.READY:
        raise refuse(Fault.FLAVOR_NOT_FOUND)
    downloads = asked.get("mode") == "download"
    file = account.store.files / flavor["id"]
    if not file.exists():
        raise refuse(Fault.FILE_NOT_FOUND)
    name = words[-1]
    if name.endswith((".m3u8", ".ts")):
        return await _segment(account, flavor, file, name)
    audio = "audio/mpeg" if entry.get("mediaType") == MediaType.AUDIO else "video/mp4"
    return FileResponse(file, media_type=audio, filename=f"{entry['id']}.mp4" if downloads else None)


async def _segment(account: Account, flavor: Record, file: Path, name: str) -> Response:
    """A part of a flavor cut for HLS; it is cut when first asked for."""
    folder = account.store.files / f"{flavor['id']}.{flavor['version']}.hls"
    if not await media.segment(file, folder):
        raise refuse(Fault.FILE_NOT_FOUND)
    if not (folder / name).is_file():
        raise refuse(Fault.FILE_NOT_FOUND)
    return FileResponse(folder / name, media_type=_HLS if name.endswith(".m3u8") else "video/mp2t")


def _raw(account: Account, asked: dict[str, str], visitor: Visitor) -> Response:
    entry = _found(account, asked.get("entry_id", ""), visitor)
    admit(account, entry, visitor, Context.DOWNLOAD)
    image = account.store.files / f"{entry['id']}.image"
    source = next((each for each in flavors_of(account, entry["id"]) if each["isOriginal"]), None)
    file = image if image.exists() else account.store.files / source["id"] if source else image
    if not file.exists():
        raise refuse(Fault.FILE_NOT_FOUND)
    return FileResponse(file)


async def _thumbnail(account: Account, asked: dict[str, str], visitor: Visitor) -> Response:
    entry = _living(account, asked.get("entry_id", ""))
    if access_rules.guards_thumbnails(account, entry):
        admit(account, entry, visitor, Context.THUMBNAIL)
    width, height = to_int(asked.get("width", 0)), to_int(asked.get("height", 0))
    quality = to_int(asked.get("quality", 75)) or 75
    if not (0 <= width <= _MAX_SIDE and 0 <= height <= _MAX_SIDE and 20 <= quality <= 100):
        raise refuse(Fault.BAD_QUERY)
    if not width and not height:
        width, height = _DEFAULT_SIZE
    second = float(to_int(asked["vid_sec"])) if "vid_sec" in asked else None
    chosen = account.store.thumb_assets.get(asked.get("thumb_asset_id", ""))
    if chosen is not None and chosen["entryId"] == entry["id"]:
        file: Path | None = account.store.files / str(chosen["id"])
    else:
        file = _picture_source(account, entry, from_video=second is not None)
    if file is None:
        raise refuse(Fault.MISSING_THUMBNAIL)
    duration_s = (entry.get("msDuration") or 0) / 1000
    at = min(_DEFAULT_SECOND, duration_s / 2) if second is None else second
    picture = await media.frame(file, at, media.scaling(width, height, to_int(asked.get("type", 1))), quality)
    if picture is None:
        raise refuse(Fault.MISSING_THUMBNAIL)
    return Response(picture, media_type="image/jpeg")


def _picture_source(account: Account, entry: Record, *, from_video: bool) -> Path | None:
    """The file a thumbnail is made from: the default thumbnail, the image, or the video."""
    files = account.store.files
    if not from_video:
        for asset in account.store.thumb_assets.where("entryId", entry["id"]):
            if "default_thumb" in str(asset.get("tags")) and (files / asset["id"]).exists():
                return files / str(asset["id"])
        own = files / f"{entry['id']}.thumb"
        if own.exists():
            return own
    image = files / f"{entry['id']}.image"
    if image.exists():
        return image
    for flavor in flavors_of(account, entry["id"]):
        if flavor["status"] == AssetStatus.READY and (files / flavor["id"]).exists():
            return files / str(flavor["id"])
    return None


def _visitor(request: Request, asked: dict[str, str], *, by_header: bool) -> Visitor:
    """The visitor of a request; for a manifest the KS of the header wins over the one in the address."""
    raw = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    return Visitor(
        ks=(by_header and request.headers.get("x-kaltura-ks", "")) or asked.get("ks", ""),
        remote_address=request.client.host if request.client else "",
        referrer=request.headers.get("referer", ""),
        user_agent=request.headers.get("user-agent", ""),
        raw_uri=f"{raw}?{query}" if query else raw,
    )


def _pairs(words: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in zip(words[::2], words[1::2], strict=False):
        found.setdefault(key, value)
    return found


def _listed(asked: dict[str, str], *names: str) -> set[str]:
    return {each for name in names for each in asked.get(name, "").split(",") if each}
