"""The least that functions-framework can start: the floor of every cold start."""

from __future__ import annotations

from typing import Any


def answer(request: Any) -> str:  # noqa: ARG001 - functions-framework calls it with one
    """
    Say something.
    """
    return "hello"
