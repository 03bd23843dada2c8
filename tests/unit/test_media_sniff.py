"""What a file is, told by its first bytes alone."""

import io

import pytest

from bot.media.sniff import UNKNOWN, identify, sniff
from tests.cases.posted import PICTURES

HEADS = {
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/bmp": b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    "image/heic": b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf",
    "image/avif": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf",
    "image/jxl": b"\xff\x0a\xfa\x1f\0\0\0",
    "audio/mp4": b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42",
    "video/mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "video/quicktime": b"\0\0\0\x08wide\0\0\0\0mdat",
    "video/3gpp": b"\0\0\0\x18ftyp3gp4\0\0\0\0isom3gp4",
    "audio/wav": b"RIFF\xff\xff\xff\xffWAVEfmt ",
    "image/webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "video/x-msvideo": b"RIFF\x24\0\0\0AVI LIST",
    "audio/mpeg": b"\xff\xfb\x90\x64\0\0\0\0",
    "audio/aac": b"\xff\xf1\x50\x80\x02\x1f\xfc",
    "audio/ogg": b"OggS\0\x02\0\0\0\0",
    "video/webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84webm",
    "application/pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
    "application/zip": b"PK\3\4\x14\0\0\0\x08\0",
    "application/x-dosexec": b"MZ\x90\0\x03\0\0\0\x04\0",
    "image/svg+xml": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "text/html": b"\n<!DOCTYPE html><html><head>",
    "text/plain": "Überschrift\nmore words".encode(),
    UNKNOWN: b"\x01\x02\x03\x04\x05",
}


@pytest.mark.parametrize(("mime", "head"), HEADS.items(), ids=HEADS)
def test_a_type_is_told_by_its_magic(mime: str, head: bytes) -> None:
    """Each kind of file is known by how it begins."""
    assert sniff(head) == mime


@pytest.mark.parametrize("name", PICTURES)
def test_real_pictures_are_known(name: str) -> None:
    """What encoders write is recognised, not only hand-made heads."""
    make, mime, _ = PICTURES[name]
    assert identify(io.BytesIO(make())) == mime


@pytest.mark.parametrize("head", [b"", b"\xff", b"RIFF", b"\0\0\0\x18ftyp", b"BM", b"ID3"])
def test_stumps_are_no_error(head: bytes) -> None:
    """A file of a few bytes gets an answer as well."""
    assert isinstance(sniff(head), str)


def test_words_that_begin_like_a_magic_stay_text() -> None:
    """BM and MZ are letters before they are types."""
    assert sniff(b"BMW and MZ are motorcycles") == "text/plain"


def test_a_character_cut_at_the_end_of_the_head_stays_text() -> None:
    """The head may end in the middle of a letter."""
    assert sniff("猫".encode() * 5 + "猫".encode()[:2]) == "text/plain"


def test_what_stands_behind_tags_counts() -> None:
    """FLAC behind an ID3 tag is FLAC, anything else behind one is MP3."""
    tag = b"ID3\x03\0\0\0\0\x40\0" + bytes(64 << 7)
    assert identify(io.BytesIO(tag + tag + b"fLaC\0\0\0\x22")) == "audio/flac"
    assert identify(io.BytesIO(tag + bytes(100))) == "audio/mpeg"
