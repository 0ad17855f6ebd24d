"""The converter: one uploaded document becomes page images, and nothing of it gets out of the sandbox.

    python -m convert SOURCE OUT_DIR --type pptx

    sniffing   what the bytes are, by bounded reading, compared with what they are said to be
    office     office document -> PDF, by LibreOffice
    pages      PDF or picture -> page images, several processes side by side, the first page first
    drawing    the program that does this inside the sandbox
    sandbox    runs a tool with no network, no files and no identity, within limits of memory and time
    fonts      the fonts that a document asks for and this machine has not

It is deployed in a container of its own and imports nothing of `shared` or `functions`. Its events are in `events`.
"""
