"""What a file is, and whether all of it is there, before anything decodes it.

Formats say at their beginning how long they are: Matroska and WebM (RFC 8794, section 6), MP4 and MOV (boxes
of ISO 14496-12) and AVI (RIFF). A decoder takes the beginning of a WebM for a whole shorter video.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

HEAD = 1 << 12  # bytes that tell what a file is
KINDS = (  # how files begin that are often named like videos
    (b"\x89PNG\r\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"BM", "a picture (BMP)"),
    (b"ID3", "sound alone (MP3)"),
    (b"fLaC", "sound alone (FLAC)"),
    (b"PK\x03\x04", "an archive (ZIP)"),
    (b"\x1f\x8b", "an archive (gzip)"),
    (b"%PDF", "a document (PDF)"),
    (b"\x7fELF", "a program"),
)
RIFF = {b"WAVE": "sound alone (WAV)", b"WEBP": "a picture (WebP)"}
POINTER = b"version https://git-lfs"
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"sidx", b"pnot")
UNKNOWN = 0xFFFFFFFF  # of a RIFF that was written to a pipe


def not_a_video(path: Path) -> str | None:
    """What a file is instead of a video, in words, where its beginning tells."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    for begin, kind in KINDS:
        if head.startswith(begin):
            return kind
    if head.startswith(b"RIFF") and head[8:12] in RIFF:
        return RIFF[head[8:12]]
    if not any(head):
        return "nothing but zeros, as after a download that failed"
    if head.startswith(POINTER):
        return "a pointer of Git LFS; the video itself was not fetched"
    return _text(head)


def missing_bytes(path: Path) -> str | None:
    """How much of a file is there where that is less than its beginning announces; None where all is."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
        if head.startswith(EBML):
            announced = _matroska(head)
        elif head.startswith(b"RIFF"):
            announced = _riff(head)
        elif head[4:8] in BOXES:
            announced = max((end for _, end in _boxes(file, size)), default=size)
            if announced <= size and not any(kind == b"moov" for kind, _ in _boxes(file, size)):
                return "its index (moov) is missing, as in a file that was never finished"
        else:
            return None
    if announced is None or announced <= size:
        return None
    return f"cut off: {size:,} of {announced:,} bytes are there"


def _text(head: bytes) -> str | None:
    if b"\0" in head:
        return None
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD else "ignore").lstrip("\ufeff \t\r\n")
    except UnicodeDecodeError:
        return None
    if len(text.encode()) < len(head) // 2:
        return None
    return "a web page (HTML)" if text[:200].lower().startswith(("<!doctype html", "<html")) else "text"


def _matroska(head: bytes) -> int | None:
    """Where the segment ends, None where it was written without its size."""
    at = len(EBML)
    length, width = _size(head, at)
    at += width + (length or 0)
    if head[at : at + len(SEGMENT)] != SEGMENT:
        return None
    at += len(SEGMENT)
    length, width = _size(head, at)
    return None if length is None else at + width + length


def _size(head: bytes, at: int) -> tuple[int | None, int]:
    """A size of variable length and how many bytes it takes; all its bits set: it is unknown."""
    first = head[at] if at < len(head) else 0
    width = 9 - first.bit_length()
    if width > 8:
        return None, 0
    bits = int.from_bytes(head[at : at + width]) & ((1 << 7 * width) - 1)
    return (None if bits == (1 << 7 * width) - 1 else bits), width


def _riff(head: bytes) -> int | None:
    length = int.from_bytes(head[4:8], "little")
    return 8 + length if 0 < length < UNKNOWN else None


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Type and end of every box of the file itself; the last may end behind it."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4])
        if length == 1:
            length = int.from_bytes(head[8:16])
        elif length == 0:  # to the end of the file
            length = size - at
        if length < 8:
            return  # bytes that are no box: what is before them counts
        at += length
        yield head[4:8], at
