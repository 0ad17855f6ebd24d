"""Make a process that serves a function handle every request itself, so that functions-framework answers none.

Called by `main.py` and `logs.py`. The answers are left to the function. Requests that gunicorn refuses never reach it.
"""

from __future__ import annotations

from typing import Any

import flask


def is_serving() -> bool:
    """
    Tell whether this process serves a function, at its start. A process that only lists functions, or tests them, does
    not.

    Source: `create_app` of functions_framework loads the functions inside its application's context;
    `get_functions_yaml` of firebase_functions/private/serving.py, which lists them, does so while it answers a request.
    """
    return flask.has_app_context() and not flask.has_request_context()


def serve_every_path() -> None:
    """
    Make the function answer at every path. At some paths functions-framework answers by itself. A page of another
    origin cannot read such an answer, and the whole body is read into memory before it is sent.

    Source: `_configure_app` and `read_request` of functions_framework (`/robots.txt`, `/favicon.ico`); werkzeug's
    redirect of a path with two slashes.
    """
    if is_serving():
        flask.current_app.before_request(_run)


def _run() -> Any:
    # A function of events has no such view, because only Eventarc may call it.
    run = flask.current_app.view_functions.get("run")
    return None if run is None or flask.request.endpoint == "run" else run(path="")
