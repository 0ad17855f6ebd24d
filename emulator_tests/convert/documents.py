"""Documents for the tests, each as small as its format allows. Nothing is downloaded."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

XML: Final = '<?xml version="1.0" encoding="UTF-8"?>'
PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMESPACES: Final = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    f'xmlns:r="{OFFICE}" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"'
)
OPEN_DOCUMENT: Final = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" '
    'xmlns:script="urn:oasis:names:tc:opendocument:xmlns:script:1.0" '
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2"'
)

Parts = Mapping[str, str | bytes]


def archive(parts: Parts, *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """
    Return a zip archive. The first part is stored, as ODF asks of its type.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as opened:
        for number, (name, content) in enumerate(parts.items()):
            opened.writestr(name, content, zipfile.ZIP_STORED if number == 0 else compression)
    return file.getvalue()


@dataclass(frozen=True)
class Link:
    """
    A relationship of an OOXML part.
    """

    id: str
    type: str
    target: str
    is_external: bool = False


def relationships(*links: Link) -> str:
    listed = "".join(
        f'<Relationship Id="{link.id}" Type="{link.type if "://" in link.type else f"{OFFICE}/{link.type}"}" '
        f'Target="{link.target}"{" TargetMode=" + chr(34) + "External" + chr(34) if link.is_external else ""}/>'
        for link in links
    )
    return f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{listed}</Relationships>'


def content_types(overrides: Mapping[str, str]) -> str:
    listed = "".join(f'<Override PartName="/{part}" ContentType="{kind}"/>' for part, kind in overrides.items())
    defaults = "".join(
        f'<Default Extension="{extension}" ContentType="{kind}"/>'
        for extension, kind in {
            "rels": "application/vnd.openxmlformats-package.relationships+xml",
            "xml": "application/xml",
            "png": "image/png",
            "jpeg": "image/jpeg",
            "bin": "application/vnd.ms-office.vbaProject",
        }.items()
    )
    return f'{XML}<Types xmlns="{PACKAGE}/content-types">{defaults}{listed}</Types>'


def _office_type(kind: str) -> str:
    return f"application/vnd.openxmlformats-officedocument.{kind}+xml"


@dataclass(frozen=True)
class Slide:
    """
    A slide with one line of text.
    """

    text: str
    font: str = "Carlito"
    is_hidden: bool = False
    extra: str = ""
    links: Sequence[Link] = ()


def pptx(slides: Sequence[Slide], parts: Parts | None = None, *, width_emu: int = 12192000) -> bytes:
    """
    Return a presentation, 7.5 inches high.
    """
    numbered = list(enumerate(slides, 1))
    overrides = {"ppt/presentation.xml": _office_type("presentationml.presentation.main")} | {
        f"ppt/slides/slide{number}.xml": _office_type("presentationml.slide") for number, _ in numbered
    }
    ids = "".join(f'<p:sldId id="{255 + number}" r:id="rId{number}"/>' for number, _ in numbered)
    content: dict[str, str | bytes] = {
        "[Content_Types].xml": content_types(overrides),
        "_rels/.rels": relationships(Link("rId1", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"{XML}<p:presentation {NAMESPACES}><p:sldIdLst>{ids}</p:sldIdLst>"
        f'<p:sldSz cx="{width_emu}" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relationships(
            *(Link(f"rId{number}", "slide", f"slides/slide{number}.xml") for number, _ in numbered)
        ),
    }
    for number, slide in numbered:
        content[f"ppt/slides/slide{number}.xml"] = _slide(slide)
        if slide.links:
            content[f"ppt/slides/_rels/slide{number}.xml.rels"] = relationships(*slide.links)
    return archive(content | dict(parts or {}))


def _slide(slide: Slide) -> str:
    box = (
        '<p:sp><p:nvSpPr><p:cNvPr id="2" name="t"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm>'
        '<a:off x="500000" y="500000"/><a:ext cx="8000000" cy="2000000"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/>'
        '</a:prstGeom></p:spPr><p:txBody><a:bodyPr/><a:p><a:r><a:rPr lang="en-US" sz="3200">'
        f'<a:latin typeface="{slide.font}"/></a:rPr><a:t>{slide.text}</a:t></a:r></a:p></p:txBody></p:sp>'
    )
    shapes = (box if slide.text else "") + slide.extra
    return (
        f"{XML}<p:sld {NAMESPACES}{' show=' + chr(34) + '0' + chr(34) if slide.is_hidden else ''}><p:cSld><p:spTree>"
        '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
        f"{shapes}</p:spTree></p:cSld></p:sld>"
    )


def linked_picture(attribute: str) -> str:
    """
    Return a picture on a slide: `r:link="rId1"` takes it from outside.
    """
    return (
        '<p:pic><p:nvPicPr><p:cNvPr id="9" name="x"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill>'
        f"<a:blip {attribute}/><a:stretch><a:fillRect/></a:stretch></p:blipFill><p:spPr><a:xfrm>"
        '<a:off x="3000000" y="3000000"/><a:ext cx="3000000" cy="3000000"/></a:xfrm><a:prstGeom prst="rect">'
        "<a:avLst/></a:prstGeom></p:spPr></p:pic>"
    )


def docx(
    body: str,
    *,
    links: Sequence[Link] = (),
    parts: Parts | None = None,
    prolog: str = "",
    main_type: str = _office_type("wordprocessingml.document.main"),
) -> bytes:
    """
    Return a text document; `prolog` stands between the XML declaration and the document element.
    """
    return archive(
        {
            "[Content_Types].xml": content_types({"word/document.xml": main_type}),
            "_rels/.rels": relationships(Link("rId1", "officeDocument", "word/document.xml")),
            "word/document.xml": f"{XML}{prolog}<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": relationships(*links),
            **(parts or {}),
        }
    )


def paragraph(text: str, *, font: str = "", breaks_page: bool = False) -> str:
    fonts = f'<w:rPr><w:rFonts w:ascii="{font}" w:hAnsi="{font}"/></w:rPr>' if font else ""
    page = '<w:r><w:br w:type="page"/></w:r>' if breaks_page else ""
    return f"<w:p>{page}<w:r>{fonts}<w:t>{text}</w:t></w:r></w:p>"


def word_picture(attribute: str) -> str:
    """
    Return a paragraph with a picture: `r:link="rId1"` takes it from outside.
    """
    return (
        '<w:p><w:r><w:drawing><wp:inline><wp:extent cx="3000000" cy="3000000"/><wp:docPr id="1" name="x"/><a:graphic>'
        '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic><pic:nvPicPr>'
        f'<pic:cNvPr id="0" name="x"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip {attribute}/><a:stretch>'
        '<a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="3000000" '
        'cy="3000000"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData>'
        "</a:graphic></wp:inline></w:drawing></w:r></w:p>"
    )


def xlsx(cells: str, *, parts: Parts | None = None) -> bytes:
    """
    Return a spreadsheet with one row of such cells.
    """
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return archive(
        {
            "[Content_Types].xml": content_types(
                {
                    "xl/workbook.xml": _office_type("spreadsheetml.sheet.main"),
                    "xl/worksheets/sheet1.xml": _office_type("spreadsheetml.worksheet"),
                }
            ),
            "_rels/.rels": relationships(Link("rId1", "officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'{XML}<workbook xmlns="{main}" xmlns:r="{OFFICE}"><sheets>'
            '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": relationships(Link("rId1", "worksheet", "worksheets/sheet1.xml")),
            "xl/worksheets/sheet1.xml": f'{XML}<worksheet xmlns="{main}"><sheetData>'
            f'<row r="1">{cells}</row></sheetData></worksheet>',
            **(parts or {}),
        }
    )


def cell(text: str) -> str:
    return f'<c r="A1" t="inlineStr"><is><t>{text}</t></is></c>'


def open_document(kind: str, body: str, *, scripts: str = "", manifest: str = "", parts: Parts | None = None) -> bytes:
    """
    Return an ODF document: `kind` is text, presentation or spreadsheet.
    """
    listed = "".join(
        f'<manifest:file-entry manifest:full-path="{part}" manifest:media-type=""/>' for part in parts or ()
    )
    media_type = f"application/vnd.oasis.opendocument.{kind}"
    return archive(
        {
            "mimetype": media_type,
            "META-INF/manifest.xml": f'{XML}<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:'
            f'manifest:1.0" manifest:version="1.2"><manifest:file-entry manifest:full-path="/" manifest:media-type='
            f'"{media_type}"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">'
            f"{manifest}</manifest:file-entry>{listed}</manifest:manifest>",
            "content.xml": f"{XML}<office:document-content {OPEN_DOCUMENT}>{scripts}<office:body><office:{kind}>{body}"
            f"</office:{kind}></office:body></office:document-content>",
            **(parts or {}),
        }
    )


def open_page(text: str) -> str:
    return (
        '<draw:page draw:master-page-name="Default"><draw:frame svg:x="1cm" svg:y="1cm" svg:width="10cm" '
        f'svg:height="3cm"><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame></draw:page>'
    )


def open_picture(href: str) -> str:
    return (
        '<text:p><draw:frame text:anchor-type="as-char" svg:width="5cm" svg:height="5cm">'
        f'<draw:image xlink:href="{href}" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"/>'
        "</draw:frame></text:p>"
    )


@dataclass(frozen=True)
class PdfPage:
    """
    A page of a PDF, in points; `entries` go into its dictionary.
    """

    content: bytes = b"BT /F 48 Tf 40 40 Td (Text) Tj ET"
    width: float | str = 720
    height: float | str = 405
    entries: str = ""


def pdf(pages: Sequence[PdfPage], *, catalog: str = "", extra: Sequence[bytes] = (), trailer: str = "") -> bytes:
    """
    Return a PDF: object 1 is the catalog, 2 the page tree, 3 a font, then the extra objects, then two for each page.
    """
    first = 4 + len(extra)
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R {catalog}>>".encode(),
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *extra,
    ]
    for number, page in enumerate(pages):
        resources = "" if "/Resources" in page.entries else "/Resources<</Font<</F 3 0 R>>>>"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {page.width} {page.height}]{resources}"
            f"/Contents {first + 2 * number + 1} 0 R {page.entries}>>".encode()
        )
        objects.append(stream(page.content))
    return pdf_of(objects, trailer=trailer)


def stream(content: bytes, entries: str = "") -> bytes:
    return f"<</Length {len(content)} {entries}>>stream\n".encode() + content + b"\nendstream"


def flate(content: bytes, entries: str = "") -> bytes:
    return stream(zlib.compress(content), f"/Filter/FlateDecode {entries}")


def pdf_of(objects: Sequence[bytes], *, trailer: str = "") -> bytes:
    """
    Return a PDF of these objects, numbered from 1; the first one is the catalog.
    """
    file = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = len(file)
    file += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    file += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    file += f"trailer<</Size {len(objects) + 1}/Root 1 0 R {trailer}>>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(file)


def picture(form: str, size: tuple[int, int], colour: str = "navy") -> bytes:
    """
    Return a picture of one colour.
    """
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, form)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """
    Return a PNG that promises more pixels than it has.
    """
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


def compound(streams: Mapping[str, bytes], *, embedded: Mapping[str, bytes] | None = None) -> bytes:
    """
    Return an OLE file with these streams, of which each gets sectors of its own.

    Args:
        streams: Those of the document itself.
        embedded: Those of a document in it, which are in a storage of their own.
    """
    sector = 512
    end, free, table_mark = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
    entries = _compound_entry("Root Entry", 5, 0, 0, child=1)
    content = b""
    table = [table_mark, 2, end]
    directory_sectors = 2
    storage = len(streams) + 1
    own = [(number, *stream) for number, stream in enumerate(streams.items(), 1)]
    further = [(number, *stream) for number, stream in enumerate((embedded or {}).items(), storage + 1)]
    for number, name, data in own + further:
        if further and number == storage + 1:
            entries += _compound_entry("Embedded", 1, 0, 0, child=number)
        padded = data.ljust(max(4096, -(-len(data) // sector) * sector), b"\0")
        start = len(table)
        count = len(padded) // sector
        table += [*range(start + 1, start + count), end]
        last = storage + len(further) if number > storage else len(streams) + bool(further)
        following = number + 1 if number < last else free
        entries += _compound_entry(name, 2, start, len(padded), right=following)
        content += padded
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0) + struct.pack("<109I", 0, *[free] * 108)
    packed_table = struct.pack(f"<{len(table)}I", *table).ljust(sector, b"\xff")
    assert len(packed_table) == sector, "the table has one sector only"
    return header + packed_table + entries.ljust(directory_sectors * sector, b"\0") + content


def _compound_entry(
    name: str, kind: int, start: int, size: int, *, child: int = 0xFFFFFFFF, right: int = 0xFFFFFFFF
) -> bytes:
    encoded = (name + "\0").encode("utf-16-le")
    return (
        encoded.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(encoded), kind, 1, 0xFFFFFFFF, right, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )


def word_6(text: str) -> bytes:
    """
    Return a document as Word 6 wrote it, of one paragraph without any format.
    """
    content = text.encode("cp1252") + b"\r"
    head = bytearray(0x300)
    struct.pack_into("<HHHH", head, 0, 0xA5DC, 101, 0, 0x409)
    # Where the text begins and ends, and how long it is.
    struct.pack_into("<II", head, 0x18, len(head), len(head) + len(content))
    struct.pack_into("<I", head, 0x34, len(content))
    return compound({"WordDocument": bytes(head) + content})


def with_late_directory(file: bytes) -> bytes:
    """
    Return an OLE file with its directory behind the sectors that the tables in the header describe.
    """
    sector, numbers_in_sector, tables_in_header = 512, 128, 109
    first = tables_in_header * numbers_in_sector
    directory = file[2 * sector : 4 * sector]
    table = struct.pack("<II", first + 1, 0xFFFFFFFE).ljust(sector, b"\xff")
    list_of_tables = struct.pack("<I", first + 2).ljust(sector - 4, b"\xff") + struct.pack("<I", 0xFFFFFFFE)
    header = bytearray(file[:sector])
    struct.pack_into("<I", header, 48, first)
    struct.pack_into("<II", header, 68, first + 3, 1)
    return bytes(header) + file[sector:].ljust(first * sector, b"\0") + directory + table + list_of_tables
