"""The boxes that MP4, HEIF and RIFF files are made of: whether all are there, and the index moved to the front."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

_BLOCK_BYTES = 1 << 20
_FIRST = {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"sidx"}
_SLOPPY_BYTES = 16
"""By how much honest writers of RIFF files miscount their own headers."""

_UNKNOWN_BYTES = 0x7FFF0000
"""Sizes from here on are what a recorder writes that cannot go back to say how long it became."""

_HOLDERS = {b"trak", b"mdia", b"minf", b"stbl"}


@dataclass(frozen=True, slots=True)
class Box:
    """One box of a file; `end` may lie behind the end of a file that was cut short."""

    kind: bytes
    start: int
    end: int


def top_boxes(file: BinaryIO) -> list[Box]:
    """Return the outermost boxes; whatever trails behind them and is none is left out."""
    return list(_walk(file, file.seek(0, 2)))


def is_cut_short(file: BinaryIO) -> bool:
    """Tell whether a box says that it is longer than the file."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(8)
    if head[:4] == b"RIFF":
        return size + _SLOPPY_BYTES < int.from_bytes(head[4:], "little") + 8 < _UNKNOWN_BYTES
    return head[4:] in _FIRST and any(box.end > size for box in top_boxes(file))


def index_comes_first(boxes: list[Box]) -> bool:
    """Tell whether playing can start before everything is loaded."""
    kinds = [box.kind for box in boxes]
    return b"mdat" not in kinds or b"moov" in kinds[: kinds.index(b"mdat")]


def index_first(file: BinaryIO) -> Iterator[bytes]:
    """Return an MP4 in blocks, its `moov` box right behind `ftyp`; every other byte stays as it is, in its order."""
    boxes = top_boxes(file)
    index = next((box for box in boxes if box.kind == b"moov"), None)
    size = file.seek(0, 2)
    if index is None or index_comes_first(boxes):
        return _blocks(file, 0, size)
    front = boxes[0].end if boxes[0].kind == b"ftyp" else 0
    file.seek(index.start)
    moov = bytearray(file.read(index.end - index.start))
    _shift(moov, 16 if moov[:4] == b"\0\0\0\1" else 8, len(moov), Box(b"moov", front, index.start))
    parts = (_blocks(file, 0, front), [bytes(moov)], _blocks(file, front, index.start), _blocks(file, index.end, size))
    return chain.from_iterable(parts)


def _walk(file: BinaryIO, size: int) -> Iterator[Box]:
    start = 0
    while start + 8 <= size:
        file.seek(start)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        end = start + length if length else size
        if end < start + 8 or not kind.isascii() or not kind.decode("ascii").isprintable():
            return
        yield Box(kind, start, end)
        start = end


def _shift(moov: bytearray, start: int, end: int, moved: Box) -> None:
    """Correct, in place, the places of all chunks that lie in what moves back."""
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", moov, start)
        stop = min(start + max(length, 8), end)
        if kind in _HOLDERS:
            _shift(moov, start + 8, stop, moved)
        elif kind in {b"stco", b"co64"}:
            _shift_chunks(moov, start, "I" if kind == b"stco" else "Q", moved)
        start = stop


def _shift_chunks(moov: bytearray, start: int, width: str, moved: Box) -> None:
    (count,) = struct.unpack_from(">I", moov, start + 12)
    places = struct.unpack_from(f">{count}{width}", moov, start + 16)
    shifted = (place + len(moov) if moved.start <= place < moved.end else place for place in places)
    struct.pack_into(f">{count}{width}", moov, start + 16, *shifted)


def _blocks(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    while block := file.read(min(_BLOCK_BYTES, end - file.tell())):
        yield block
