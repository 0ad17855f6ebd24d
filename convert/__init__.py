"""The converter: one uploaded document becomes page images, and nothing of it gets out of the sandbox.

    python -m convert SOURCE OUT_DIR --type pptx

    service     the HTTP service that the functions call, with a pool of warm programs
    conversion  one document: its type, its pages, its fonts
    sniffing    what the bytes are, by bounded reading, compared with what they are said to be
    pages       document -> page images, several programs side by side, the first page first
    pool        programs that wait for a document
    program     a running program in the sandbox that answers requests about files
    office      office document -> PDF, by LibreOffice; `exporting` is the program inside the sandbox
    slices      a presentation of some of a presentation's slides, made inside the sandbox
    drawer      PDF or picture -> page image; `drawing` is the program inside the sandbox
    sandbox     runs a program with no network, no files and no identity, within limits of memory and time
    fonts       the fonts that a document asks for and this machine has not

It is deployed in a container of its own and imports nothing of `shared` or `functions`. Its events are in `events`.
"""
