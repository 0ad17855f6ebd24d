"""Makes a PDF of an office document: one LibreOffice per conversion, in the sandbox, with a new profile.

The import filter is chosen by the type that the bytes have, so LibreOffice does not choose one by itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from convert import limits, sniffing
from convert.refusals import Reason, Refused
from convert.sandbox import Ended, Overrun, Tool
from convert.sniffing import Kind

_WRITER: Final = "writer_pdf_Export"
_CALC: Final = "calc_pdf_Export"
_IMPRESS: Final = "impress_pdf_Export"

_FILTERS: Final = {
    Kind.DOC: ("MS Word 97", _WRITER),
    Kind.DOCX: ("MS Word 2007 XML", _WRITER),
    Kind.ODT: ("writer8", _WRITER),
    Kind.RTF: ("Rich Text Format", _WRITER),
    Kind.XLS: ("MS Excel 97", _CALC),
    Kind.XLSX: ("Calc MS Excel 2007 XML", _CALC),
    Kind.ODS: ("calc8", _CALC),
    Kind.PPT: ("MS PowerPoint 97", _IMPRESS),
    Kind.PPTX: ("Impress MS PowerPoint 2007 XML", _IMPRESS),
    Kind.ODP: ("impress8", _IMPRESS),
    Kind.KEY: ("Apple Keynote", _IMPRESS),
}
_TEXT_FILTER: Final = "Text (encoded):"

_EXPORT: Final = {
    # One page more than is converted shows that there are too many.
    "PageRange": ("string", f"1-{limits.PAGES + 1}"),
    # Pictures are reduced once, when the page is drawn.
    "ReduceImageResolution": ("boolean", "false"),
    # An empty page is a page.
    "IsSkipEmptyPages": ("boolean", "false"),
    "ExportBookmarks": ("boolean", "false"),
}

# The PDF leaves through the standard output. `soffice` itself would start `soffice.bin`, search for Java, and start it
# anew when it asks for that, which it does with a new profile, by exit code 81.
_SCRIPT: Final = """
set -e
mkdir -p /tmp/profile/user /tmp/out
cp /in/settings.xcu /tmp/profile/user/registrymodifications.xcu
convert() {
    /usr/lib/libreoffice/program/soffice.bin --headless --norestore --nologo --nolockcheck --nodefault \
        -env:UserInstallation=file:///tmp/profile "--infilter=$1" --convert-to "pdf:$2" --outdir /tmp/out "$3" >&2
}
convert "$@" || { [ $? = 81 ] && convert "$@"; }
exec cat /tmp/out/document.pdf
"""


def to_pdf(source: Path, kind: Kind, pdf: Path, *, seconds: float = limits.TOOL_S) -> None:
    """
    Write a document's PDF.

    Raises:
        Refused: LibreOffice cannot read it, or not within the limits (never).
    """
    infilter, exporter = _FILTERS.get(kind) or (f"{_TEXT_FILTER}{sniffing.text_encoding(source)},LF,,,", _WRITER)
    options = json.dumps({name: {"type": kind, "value": value} for name, (kind, value) in _EXPORT.items()})
    inside = f"/in/document.{kind}"
    files = {inside: source, "/in/settings.xcu": Path(__file__).with_name("settings.xcu")}
    tool = ("sh", "-c", _SCRIPT, "sh", infilter, f"{exporter}:{options}", inside)
    written = 0
    try:
        with (
            pdf.open("wb") as file,
            Tool(tool, files, address_space_bytes=limits.OFFICE_ADDRESS_SPACE_BYTES) as running,
        ):
            for chunk in running.read_all(seconds):
                written += len(chunk)
                if written > limits.PDF_BYTES:
                    raise Refused(Reason.TOO_LARGE)
                file.write(chunk)
    except Overrun as overrun:
        raise overrun.refused() from overrun
    except Ended as ended:
        raise Refused(Reason.BROKEN) from ended
