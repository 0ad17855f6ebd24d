"""A running LibreOffice that makes PDFs: in the sandbox, with a profile of its own, for one document.

The import filter is chosen by the type that the bytes have, so LibreOffice does not choose one by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from convert import limits, sniffing
from convert.program import Program
from convert.refusals import ConverterError, Reason, Refused
from convert.sandbox import Ended, Overrun
from convert.sniffing import Kind

_WRITER: Final = "writer_pdf_Export"
_CALC: Final = "calc_pdf_Export"
_IMPRESS: Final = "impress_pdf_Export"

_FILTERS: Final = {
    Kind.DOC: ("MS Word 97", _WRITER),
    Kind.DOCX: ("MS Word 2007 XML", _WRITER),
    Kind.ODT: ("writer8", _WRITER),
    Kind.RTF: ("Rich Text Format", _WRITER),
    Kind.TXT: ("Text (encoded)", _WRITER),
    Kind.XLS: ("MS Excel 97", _CALC),
    Kind.XLSX: ("Calc MS Excel 2007 XML", _CALC),
    Kind.ODS: ("calc8", _CALC),
    Kind.PPT: ("MS PowerPoint 97", _IMPRESS),
    Kind.PPTX: ("Impress MS PowerPoint 2007 XML", _IMPRESS),
    Kind.ODP: ("impress8", _IMPRESS),
    Kind.KEY: ("Apple Keynote", _IMPRESS),
}
_BEFORE_WORD_97: Final = "MS WinWord 6.0"

_EXPORT: Final = {
    # Pictures are reduced once, when the page is drawn.
    "ReduceImageResolution": False,
    # An empty page is a page.
    "IsSkipEmptyPages": False,
    "ExportBookmarks": False,
}

_LINE_BYTES: Final = 64 * 1024


class Office(Program):
    """
    A LibreOffice that starts as soon as this is made. Used for one document, and by one thread at a time.

    Args:
        is_warm: Whether it is prepared for presentations, which takes a second more until it is ready.
    """

    def __init__(self, *, is_warm: bool = False) -> None:
        # The system's own Python, see `exporting`.
        command = ("/usr/bin/python3", "-s", "-B", "-m", "convert.exporting", *(("--warm",) if is_warm else ()))
        super().__init__(command, _LINE_BYTES, limits.OFFICE_ADDRESS_SPACE_BYTES)
        self._is_ready = False

    def visible_slides(self, source: Path) -> list[int] | None:
        """
        Return the positions of a presentation's slides that are not hidden, from 0; `None` if it cannot be sliced.

        Raises:
            Overrun, Ended: It took too long or too much, or ended.
        """
        answer = self._ask({"do": "count", "name": self._give(source, f"document.{Kind.PPTX}")}, limits.TOOL_S)
        visible = answer.get("visible")
        if not isinstance(visible, list) or not all(type(position) is int for position in visible):
            return None
        return visible

    def to_pdf(
        self,
        source: Path,
        kind: Kind,
        pdf: Path,
        *,
        pages: int = limits.PAGES,
        slides: tuple[int, int] | None = None,
        seconds: float = limits.TOOL_S,
    ) -> None:
        """
        Write a document's PDF.

        Args:
            source: The document.
            kind: Its type.
            pdf: Where the PDF goes.
            pages: The most pages that are converted.
            slides: Export slides of a presentation from the first of these positions up to, but without, the second.
            seconds: How long it may take.

        Raises:
            Refused: The PDF is too large (never).
            Overrun: It takes too long or too much.
            Ended: LibreOffice cannot read the document.
        """
        infilter, exporter = _FILTERS[kind]
        if kind is Kind.DOC and sniffing.is_before_word_97(source):
            infilter = _BEFORE_WORD_97
        loading = {"FilterName": infilter}
        if kind is Kind.TXT:
            loading["FilterOptions"] = f"{sniffing.text_encoding(source)},LF,,,"
        request: dict[str, Any] = {
            "do": "export",
            "name": self._give(source, f"document.{kind}"),
            "import": loading,
            "filter": exporter,
            # One page more than is converted shows that there are too many.
            "options": {**_EXPORT, "PageRange": f"1-{pages + 1}"},
        }
        if slides is not None:
            request["slides"] = slides
        answer = self._ask(request, seconds)
        size = answer.get("bytes")
        if type(size) is not int or size < 0:
            raise Ended(str(answer.get("failed")))
        if size > limits.PDF_BYTES:
            raise Refused(Reason.TOO_LARGE)
        with pdf.open("wb") as file:
            for chunk in self._read(size, seconds):
                file.write(chunk)

    def _ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        if not self._is_ready:
            try:
                self._answer(limits.TOOL_S)
            except (Overrun, Ended) as error:
                raise ConverterError(f"LibreOffice does not start: {error}") from error
            self._is_ready = True
        return super()._ask(request, seconds)
