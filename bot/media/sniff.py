"""What a file is by its first bytes; its name and its declared type are never asked."""

from __future__ import annotations

import codecs
from typing import BinaryIO

UNKNOWN = "application/octet-stream"
_HEAD_BYTES = 4096

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL ", "image/jxl"),
    (b"\0\0\0\x0cjP  ", "image/jp2"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"#!AMR", "audio/amr"),
    (b"caff", "audio/x-caf"),
    (b"MThd", "audio/midi"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (b"FLV\x01", "video/x-flv"),
    (b"\0\0\1\xba", "video/mpeg"),
    (b"\0\0\1\xb3", "video/mpeg"),
    (b"%PDF-", "application/pdf"),
    (b"PK\3\4", "application/zip"),
    (b"MZ", "application/x-dosexec"),
    (b"\x7fELF", "application/x-elf"),
    (b"\x1f\x8b", "application/gzip"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
)

_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}

_BRANDS: tuple[tuple[str, frozenset[bytes]], ...] = (
    ("image/avif", frozenset({b"avif", b"avis"})),
    (
        "image/heic",
        frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}),
    ),
    ("video/quicktime", frozenset({b"qt  "})),
    ("audio/mp4", frozenset({b"M4A ", b"M4B ", b"M4P "})),
)

NAMES = {
    "application/pdf": "pdf",
    "text/html": "html",
    "image/svg+xml": "svg",
    "text/plain": "text",
    "application/zip": "zip",
    "application/gzip": "gzip",
    "application/vnd.rar": "rar",
    "application/x-7z-compressed": "7z",
    "application/x-dosexec": "exe",
    "application/x-elf": "exe",
    "application/postscript": "postscript",
    "image/vnd.adobe.photoshop": "psd",
    "image/jxl": "jxl",
    "image/jp2": "jp2",
    "image/x-icon": "ico",
    "audio/midi": "midi",
}
"""What people call the kinds of file that are neither a picture nor a sound for us."""


def identify(file: BinaryIO) -> str:
    """Return the mime type of an open file, looking behind ID3 tags of any length."""
    file.seek(0)
    head, start = file.read(_HEAD_BYTES), 0
    while head[:3] == b"ID3" and len(head) > 10:
        start += _id3_bytes(head)
        file.seek(start)
        head = file.read(_HEAD_BYTES)
    file.seek(0)
    behind = sniff(head)
    return behind if start == 0 or behind in {"audio/flac", "audio/aac"} else "audio/mpeg"


def sniff(head: bytes) -> str:
    """Return the mime type that these first bytes (some thousand are enough) prove, or UNKNOWN."""
    return _text(head) or _container(head) or _magic(head) or _frames(head) or UNKNOWN


def _id3_bytes(head: bytes) -> int:
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 127
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _magic(head: bytes) -> str | None:
    if _is_bmp(head):
        return "image/bmp"
    return next((mime for magic, mime in _MAGIC if head.startswith(magic)), None)


def _is_bmp(head: bytes) -> bool:
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in {12, 40, 52, 56, 64, 108, 124}


def _container(head: bytes) -> str | None:
    if head[:4] in {b"RIFF", b"RF64"}:
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "audio/aiff"
    if head[:4] == b"\x1aE\xdf\xa3" and b"webm" in head[:64]:
        return "video/webm"
    if head[4:8] in {b"moov", b"mdat", b"wide", b"skip", b"free"}:
        return "video/quicktime"
    if head[4:8] in {b"styp", b"moof", b"sidx"}:
        return "video/mp4"
    return _branded(head) if head[4:8] == b"ftyp" else None


def _branded(head: bytes) -> str:
    size = min(int.from_bytes(head[:4], "big"), 256)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, size, 4))}
    if head[8:12] not in {b"mif1", b"msf1"}:
        brands = {head[8:12]}
    if head[8:11] == b"3gp":
        return "video/3gpp"
    return next((mime for mime, known in _BRANDS if brands & known), "video/mp4")


def _frames(head: bytes) -> str | None:
    """Tell naked frames: ADTS and MPEG audio begin with eleven set bits and say where the next frame is."""
    if len(head) < 6 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13:
        return "audio/aac"
    layer_3 = head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08
    return "audio/mpeg" if layer_3 and head[2] >> 4 not in {0, 15} and head[2] >> 2 & 3 != 3 else None


def _text(head: bytes) -> str | None:
    """Tell text from bytes, and what kind of text it is."""
    text = _as_text(head)
    if text is None:
        return None
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith("%pdf-"):
        return "application/pdf"
    if start.startswith("%!ps"):
        return "application/postscript"
    if "<svg" in start[:2048] and start.startswith("<"):
        return "image/svg+xml"
    if start.startswith(("<!doctype html", "<html", "<head", "<body")) or "<html" in start[:512]:
        return "text/html"
    return "text/plain" if start else None


def _as_text(head: bytes) -> str | None:
    encoding = "utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None
    printable = all(character.isprintable() or character in "\t\r\n\f\x1b\ufeff" for character in text)
    return text if printable else None
