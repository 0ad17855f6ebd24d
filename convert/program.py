"""A running tool that answers requests about files, a line of JSON each. Pools start it before it is known which files.

`office` and `drawer` have one each, for one document.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from convert import limits
from convert.requests import FOLDER
from convert.sandbox import Ended, Tool


class Program:
    """
    Args:
        tool: The program and its arguments.
        longest_answer: The most bytes of one line of its answers.
        address_space_bytes: The most that each of its processes may reserve.
    """

    def __init__(
        self,
        tool: Sequence[str],
        longest_answer: int,
        address_space_bytes: int = limits.DRAWING_ADDRESS_SPACE_BYTES,
    ) -> None:
        self._longest_answer = longest_answer
        self._folder = Path(tempfile.mkdtemp(prefix="greenroom-"))
        try:
            self._tool = Tool(
                tool, {str(FOLDER): self._folder}, address_space_bytes=address_space_bytes, is_watched=False
            )
        except BaseException:
            shutil.rmtree(self._folder)
            raise

    @property
    def process_id(self) -> int:
        """
        The process of bubblewrap, outside.
        """
        return self._tool.process_id

    @property
    def is_alive(self) -> bool:
        """
        Whether it still runs.
        """
        return self._tool.is_alive

    def close(self) -> None:
        """
        Kill it with all its processes.
        """
        self._tool.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _give(self, file: Path, name: str) -> str:
        """
        Have it see a file, which it cannot write.

        Returns:
            The name by which it finds the file.
        """
        # Before that there is nothing in it that could harm.
        self._tool.watch()
        inside = self._folder / name
        if not inside.exists():
            try:
                inside.hardlink_to(file)
            except OSError:
                # It is on another file system.
                shutil.copyfile(file, inside)
        return name

    def _ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """
        Send a request, and return the answer.

        Raises:
            Overrun: It took too long or too much.
            Ended: It ended, or wrote something else.
        """
        self._tool.send(json.dumps(request).encode() + b"\n")
        return self._answer(seconds)

    def _answer(self, seconds: float) -> dict[str, Any]:
        """
        Return its next answer, an object of JSON in one line. Raises as `_ask`.
        """
        try:
            answer = json.loads(self._tool.read_line(self._longest_answer, seconds))
        except ValueError as error:
            raise Ended("the answer is not valid JSON") from error
        if not isinstance(answer, dict):
            raise Ended("the answer is not an object")
        return answer

    def _read(self, count: int, seconds: float) -> Iterator[bytes]:
        """
        Yield so many bytes, which follow its answer. Raises as `_ask`.
        """
        return self._tool.read_chunks(count, seconds)
