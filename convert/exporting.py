"""The program that exports PDFs, inside the sandbox: it keeps one LibreOffice running, and alone opens the document.

    /usr/bin/python3 -m convert.exporting [--warm]

The system's own Python runs it, because only that has LibreOffice's module `uno`. It answers on its standard output, a
line of JSON each: `{}` once LibreOffice runs, then one for each request on its standard input:

    {"do": "count", "name": "document.pptx"}             {"visible": [0, 2]} or {"visible": null}
    {"do": "export", "name": "document.pptx", …}         {"bytes": 4711} and the PDF, or {"failed": "why"}

An export names LibreOffice's filters and options, and may name a slice of slides. Made warm, it has exported an empty
presentation before, so that what LibreOffice loads at first use is there. It may be killed at any time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from convert import slices
from convert.requests import FOLDER

_PROFILE: Final = Path("/tmp/profile")
_PDF: Final = Path("/tmp/document.pdf")
_SLICE: Final = Path("/tmp/slice.pptx")
_PPTX: Final = "Impress MS PowerPoint 2007 XML"
_PIPE: Final = "greenroom"
# `soffice` itself would start `soffice.bin`, search for Java, and start it anew when it asks for that.
_OFFICE: Final = (
    "/usr/lib/libreoffice/program/soffice.bin",
    *("--headless", "--norestore", "--nologo", "--nolockcheck", "--nodefault"),
    f"-env:UserInstallation={_PROFILE.as_uri()}",
    f"--accept=pipe,name={_PIPE};urp",
)
_STARTS_ANEW: Final = 81
"""The exit code by which LibreOffice asks for another start, which it does with a new profile."""
_LOOK_EVERY_S: Final = 0.02


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(_OFFICE, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def _connect() -> Any:
    """
    Start LibreOffice and return its desktop.
    """
    import uno

    (_PROFILE / "user").mkdir(parents=True)
    shutil.copyfile(Path(__file__).with_name("settings.xcu"), _PROFILE / "user" / "registrymodifications.xcu")
    office = _start()
    resolver: Any = uno.getComponentContext().ServiceManager.createInstance("com.sun.star.bridge.UnoUrlResolver")
    while True:
        try:
            context = resolver.resolve(f"uno:pipe,name={_PIPE};urp;StarOffice.ComponentContext")
            return context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        except uno.getClass("com.sun.star.connection.NoConnectException"):
            code = office.poll()
            if code == _STARTS_ANEW:
                office = _start()
            elif code is not None:
                raise RuntimeError(f"LibreOffice ended with {code}") from None
            # Nothing signals that the pipe is there. If it never is, `Office` kills this program after a minute.
            time.sleep(_LOOK_EVERY_S)


def _properties(values: Mapping[str, Any]) -> tuple[Any, ...]:
    from com.sun.star.beans import PropertyValue

    return tuple(PropertyValue(Name=name, Value=value) for name, value in values.items())


def _export(desktop: Any, request: Mapping[str, Any]) -> None:
    """
    Write the PDF of a document, or of a slice of it.
    """
    import uno

    source = FOLDER / request["name"]
    if "slides" in request:
        slices.write(source, _SLICE, *request["slides"])
        source = _SLICE
    # Nothing in it runs, is fetched, or asks anybody.
    silent = {"Hidden": True, "ReadOnly": True, "Silent": True, "MacroExecutionMode": 0, "UpdateDocMode": 0}
    document = desktop.loadComponentFromURL(source.as_uri(), "_blank", 0, _properties({**silent, **request["import"]}))
    if document is None:
        raise ValueError("LibreOffice cannot read it")
    try:
        options = uno.Any("[]com.sun.star.beans.PropertyValue", _properties(request["options"]))
        document.storeToURL(_PDF.as_uri(), _properties({"FilterName": request["filter"], "FilterData": options}))
    finally:
        document.close(True)


def _warm_up(desktop: Any) -> None:
    """
    Import and export an empty presentation.
    """
    empty = desktop.loadComponentFromURL("private:factory/simpress", "_blank", 0, _properties({"Hidden": True}))
    empty.storeToURL(_SLICE.as_uri(), _properties({"FilterName": _PPTX}))
    empty.close(True)
    read = desktop.loadComponentFromURL(
        _SLICE.as_uri(), "_blank", 0, _properties({"Hidden": True, "FilterName": _PPTX})
    )
    read.storeToURL(_PDF.as_uri(), _properties({"FilterName": "impress_pdf_Export"}))
    read.close(True)


def _say(answer: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """
    Returns:
        The exit code.
    """
    desktop = _connect()
    if sys.argv[1:] == ["--warm"]:
        _warm_up(desktop)
    _say({})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if request["do"] == "count":
            _say({"visible": slices.visible(FOLDER / request["name"])})
            continue
        try:
            _export(desktop, request)
        except Exception as error:  # what LibreOffice raises has no common class but this
            _say({"failed": str(error)[:1000]})
            continue
        _say({"bytes": _PDF.stat().st_size})
        with _PDF.open("rb") as pdf:
            shutil.copyfileobj(pdf, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        _PDF.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
