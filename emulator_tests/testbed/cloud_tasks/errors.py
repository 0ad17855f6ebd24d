"""Refusals of the Cloud Tasks service. Raised by `queues` and `service`; `service` turns them into gRPC statuses."""

from __future__ import annotations

from typing import NoReturn

import grpc


class Refusal(Exception):
    """
    A call that cannot be answered; carries the gRPC code and the text the client sees.
    """

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def refuse(code: grpc.StatusCode, text: str) -> NoReturn:
    """
    Raises:
        Refusal: always.
    """
    raise Refusal(code, text)
