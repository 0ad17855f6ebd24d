"""Has a process that serves a function leave no request to functions-framework, which would answer it by itself.

Called by `main.py` and `logs.py`. Leaves to the function what it answers. What gunicorn refuses never comes here.
"""

from __future__ import annotations

from typing import Any

import flask


def is_serving() -> bool:
    """
    Tell whether this process serves a function, at its start. One that only lists functions, or tests them, does not.

    Source: `create_app` of functions_framework loads the functions inside its application's context;
    `get_functions_yaml` of firebase_functions/private/serving.py, which lists them, does so while it answers a request.
    """
    return flask.has_app_context() and not flask.has_request_context()


def serve_every_path() -> None:
    """
    Have the function answer at every path. At some, functions-framework answers by itself: such an answer cannot be
    read by a page of another origin, and before it is sent the whole body is read into memory.

    Source: `_configure_app` and `read_request` of functions_framework (`/robots.txt`, `/favicon.ico`); werkzeug's
    redirect of a path with two slashes.
    """
    if is_serving():
        flask.current_app.before_request(_run)


def _run() -> Any:
    # A function of events has no such view: nobody but Eventarc may call it.
    run = flask.current_app.view_functions.get("run")
    return None if run is None or flask.request.endpoint == "run" else run(path="")
