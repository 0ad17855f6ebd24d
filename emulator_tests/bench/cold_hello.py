"""The smallest function that functions-framework can start: the lower bound of every cold start."""

from __future__ import annotations

from typing import Any


def answer(request: Any) -> str:  # noqa: ARG001 - functions-framework calls it with one
    """
    Return a constant.
    """
    return "hello"
