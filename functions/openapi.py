"""The OpenAPI document of the REST API of shared live media, served at `/api/openapi.json`. Pure.

Source of the form: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.core.paths import MEDIA_ID, SESSION_ID
from shared.core.text import TITLE_MAX
from shared.slides.model import UploadState

Schema = Mapping[str, Any]

PATH: Final = "/api/openapi.json"
_MEDIAS: Final = "/api/sharedlivemedias/"
_MEDIA: Final = f"{_MEDIAS}{{id}}/"

_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_TRUTH: Final[Schema] = {"type": "boolean"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Schema, description: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_BY_PAGE: Final[Schema] = {
    "type": "object",
    "description": "Signed addresses of pages, by their numbers. They work for one hour at least.",
    "additionalProperties": {"type": "string", "format": "uri"},
}

SCHEMAS: Final[Mapping[str, Schema]] = {
    "SharedLiveMedia": _object(
        {
            "id": {"type": "string", "format": "uuid"},
            "video_id": {**_TEXT, "description": "The id of the live session."},
            "active_stamp": {
                **_or_null(_TEXT),
                "description": "The time of the upload, in Unix seconds.",
            },
            "filename": _or_null(_TEXT),
            "is_ready_to_show": _TRUTH,
            "nb_pages": _or_null({**_WHOLE, "minimum": 1}),
            "show_download": {**_TRUTH, "description": "Whether students may download the document."},
            "title": _or_null(_TEXT),
            "upload_state": {"enum": [state.value for state in UploadState]},
            "error": {
                **_or_null(_object({"reason": _TEXT, "message": _TEXT})),
                "description": "Why the last document cannot be shown.",
            },
            "warnings": {"type": "array", "items": _TEXT},
            "urls": _or_null(_object({"pages": _BY_PAGE, "thumbnails": _BY_PAGE}, {"media": _TEXT})),
        }
    ),
    "Page": _object(
        {
            "count": {**_WHOLE, "minimum": 0},
            "next": _or_null(_TEXT),
            "previous": _or_null(_TEXT),
            "results": {"type": "array", "items": _reference("SharedLiveMedia")},
        }
    ),
    "Video": _object(
        {
            "id": _TEXT,
            "title": _TEXT,
            "active_shared_live_media": _or_null(_reference("SharedLiveMedia")),
            "active_shared_live_media_page": _or_null(_WHOLE),
            "revision": {**_WHOLE, "description": "Grows with each change of what is shown."},
            "shared_live_medias": {"type": "array", "items": _reference("SharedLiveMedia")},
        }
    ),
    "Timeline": _object(
        {
            "id": {**_TEXT, "description": "The id of the session."},
            "count": {**_WHOLE, "minimum": 0},
            "next": _or_null(_TEXT),
            "previous": _or_null(_TEXT),
            "results": {
                "type": "array",
                "description": "The changes of what the session showed, the earliest first.",
                "items": _object(
                    {
                        "revision": _WHOLE,
                        "at": {"type": "string", "format": "date-time"},
                        "shared_live_media": {
                            **_or_null({"type": "string", "format": "uuid"}),
                            "description": "The media that is shown since; null if none is.",
                        },
                        "page": _or_null({**_WHOLE, "minimum": 1}),
                    }
                ),
            },
            "shared_live_medias": {
                "type": "array",
                "description": "The media in these changes.",
                "items": _object(
                    {
                        "id": {"type": "string", "format": "uuid"},
                        "is_deleted": {**_TRUTH, "description": "Whether it was deleted since, and cannot be shown."},
                        "title": _or_null(_TEXT),
                        "nb_pages": _or_null({**_WHOLE, "minimum": 1}),
                        "urls": _or_null(_object({"pages": _BY_PAGE})),
                    }
                ),
            },
        }
    ),
    "Upload": _object(
        {
            "url": {"type": "string", "format": "uri"},
            "method": {"const": "POST"},
            "headers": {"type": "object", "additionalProperties": _TEXT},
            "expires_at": {"type": "string", "format": "date-time"},
        }
    ),
    "Error": {
        **_object({"code": _TEXT, "retryable": _TRUTH}, {"detail": _TEXT, "retryAfterS": _WHOLE}),
        "description": "`detail` has a sentence; if one field is wrong, that field has its sentences instead.",
    },
}

_WISH: Final[Schema] = {
    "type": "object",
    "properties": {"title": _or_null({**_TEXT, "maxLength": TITLE_MAX}), "show_download": _TRUTH},
}
_UPLOAD: Final[Schema] = _object(
    {"filename": {**_TEXT, "minLength": 1}, "size": {**_WHOLE, "minimum": 1}}, {"mimetype": _TEXT}
)
_TURN: Final[Schema] = _object({"target_page": {**_WHOLE, "minimum": 1}})

_ID: Final[Schema] = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": f"^(?:{MEDIA_ID.pattern})$"},
}
_SESSION: Final[Schema] = {**_ID, "schema": {"type": "string", "pattern": f"^(?:{SESSION_ID.pattern})$"}}

_ERRORS: Final[Mapping[str, str]] = {
    "400": "The request is not valid, or the media cannot do this now.",
    "401": "The bearer token is missing, not valid, or has expired.",
    "403": "The person may not do this.",
    "404": "There is no such session or media for this person.",
    "405": "The path has no such method.",
    "409": "The media is shown now, or others changed the session at every try.",
    "411": "The length of the body is missing.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "429": "Too many requests, or the maximum of media is reached.",
    "500": "Something went wrong on the server.",
    "503": "The server cannot do this at the moment. Try again.",
}


def _operation(
    name: str,
    summary: str,
    status: str,
    answer: Schema | None,
    *,
    body: Schema | None = None,
    parameters: tuple[Schema, ...] = (),
) -> dict[str, Any]:
    done = {"description": "Done."} if answer is None else _json(answer, "Done.")
    failures = {code: _json(_reference("Error"), sentence) for code, sentence in _ERRORS.items()}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {status: done, **failures},
    }
    if body is not None:
        operation["requestBody"] = {"required": False, "content": {"application/json": {"schema": body}}}
    return operation


def document() -> dict[str, Any]:
    """
    Return the OpenAPI document.
    """
    media, video = _reference("SharedLiveMedia"), _reference("Video")
    of_media = (_ID,)
    numbers = {"type": "integer", "minimum": 0}
    pages = tuple({"name": name, "in": "query", "required": False, "schema": numbers} for name in ("limit", "offset"))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shared live media",
            "version": "1",
            "description": "Documents that instructors show page by page in a live session. "
            "The bearer token is `slides.token` of the callable `joinSession`.",
        },
        "security": [{"context": []}],
        "paths": {
            _MEDIAS: {
                "get": _operation("list", "List the session's media.", "200", _reference("Page"), parameters=pages),
                "post": _operation("create", "Create a media without a document.", "201", media, body=_WISH),
            },
            _MEDIA: {
                "get": _operation("retrieve", "Read one media.", "200", media, parameters=of_media),
                "put": _operation("update", "Change a media.", "200", media, body=_WISH, parameters=of_media),
                "patch": _operation("change", "Change a media.", "200", media, body=_WISH, parameters=of_media),
                "delete": _operation("delete", "Delete a media.", "204", None, parameters=of_media),
            },
            f"{_MEDIA}initiate-upload/": {
                "post": _operation(
                    "initiateUpload",
                    "Begin the upload of a document.",
                    "200",
                    _reference("Upload"),
                    body=_UPLOAD,
                    parameters=of_media,
                )
            },
            f"{_MEDIA}start/": {
                "post": _operation("start", "Show a media, from page 1.", "200", video, parameters=of_media)
            },
            f"{_MEDIA}navigate/": {
                "post": _operation("navigate", "Turn to a page.", "200", video, body=_TURN, parameters=of_media)
            },
            f"{_MEDIA}end/": {"post": _operation("end", "Stop showing a media.", "200", video, parameters=of_media)},
            "/api/videos/{id}/": {
                "get": _operation("retrieveVideo", "Read the session.", "200", video, parameters=(_SESSION,))
            },
            "/api/videos/{id}/timeline/": {
                "get": _operation(
                    "retrieveTimeline",
                    "Read what the session showed when, with the addresses of these pages.",
                    "200",
                    _reference("Timeline"),
                    parameters=(_SESSION, *pages),
                )
            },
        },
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {"context": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
