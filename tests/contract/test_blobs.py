"""Blobs: bytes under their content hash, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from storage.blobs import DirectoryBlobs
from storage.contract import Blobs
from storage.errors import Unavailable

BYTES = b"a picture " * 300_000
SHA = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(params=["directory"])
def blobs(tmp_path: Path) -> Blobs:
    """A new store of bytes."""
    return DirectoryBlobs(tmp_path / "deep" / "media")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Some bytes to keep."""
    path = tmp_path / "picture.png"
    path.write_bytes(BYTES)
    return path


def files(tmp_path: Path) -> list[Path]:
    """All files that the store wrote."""
    return [path for path in (tmp_path / "deep").rglob("*") if path.is_file()]


async def test_a_blob_is_found_under_the_sha256_of_its_bytes(blobs: Blobs, picture: Path) -> None:
    """What comes out is what went in, and the original stays where it was."""
    blob = await blobs.put(picture)
    assert blob == SHA
    assert blobs.path(blob).read_bytes() == BYTES == picture.read_bytes()


async def test_the_same_bytes_are_one_blob(blobs: Blobs, picture: Path, tmp_path: Path) -> None:
    """Also when they come many times at once, under many names."""
    again = tmp_path / "again.png"
    again.write_bytes(BYTES)
    assert set(await asyncio.gather(*(blobs.put(path) for path in (picture, again) * 4))) == {SHA}
    assert files(tmp_path) == [blobs.path(SHA)]


async def test_a_blob_can_be_removed_more_than_once(blobs: Blobs, picture: Path) -> None:
    """A sweep that is repeated finds nothing to do."""
    blob = await blobs.put(picture)
    await blobs.remove(blob)
    assert not blobs.path(blob).exists()
    await blobs.remove(blob)
    assert await blobs.put(picture) == blob


async def test_blobs_are_readable_by_their_owner_only(blobs: Blobs, picture: Path, tmp_path: Path) -> None:
    """They are people's pictures."""
    blob = await blobs.put(picture)
    assert stat.S_IMODE(blobs.path(blob).stat().st_mode) == 0o600
    assert stat.S_IMODE(blobs.path(blob).parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "media").stat().st_mode) == 0o700


async def test_old_blobs_are_named_and_half_written_ones_of_that_age_removed(
    blobs: Blobs, picture: Path, tmp_path: Path
) -> None:
    """Bytes put again are as new as their last putting."""
    (tmp_path / "other").write_bytes(b"other")
    old, new = await blobs.put(tmp_path / "other"), await blobs.put(picture)
    half = blobs.path(old).parent.parent / ".incoming-half"
    half.touch()
    for path in (blobs.path(old), blobs.path(new), half):
        os.utime(path, (1_000_000, 1_000_000))
    await blobs.put(picture)
    assert await blobs.older_than(60) == [old]
    assert not half.exists()
    assert blobs.path(old).exists()


async def test_an_empty_file_is_a_blob_too(blobs: Blobs, tmp_path: Path) -> None:
    """What to make of it is for others to say."""
    (tmp_path / "empty").touch()
    blob = await blobs.put(tmp_path / "empty")
    assert blobs.path(blob).stat().st_size == 0


async def test_a_file_that_cannot_be_read_or_kept_is_unavailable_and_leaves_nothing(tmp_path: Path) -> None:
    """The message names what it is about."""
    blobs = DirectoryBlobs(tmp_path / "deep")
    with pytest.raises(Unavailable, match=r"nowhere\.png"):
        await blobs.put(tmp_path / "nowhere.png")
    assert files(tmp_path) == []
    (tmp_path / "file").touch()
    (tmp_path / "picture").write_bytes(b"x")
    with pytest.raises(Unavailable, match=str(tmp_path / "file")):
        await DirectoryBlobs(tmp_path / "file").put(tmp_path / "picture")


def test_a_disk_that_is_full_leaves_no_half_blob(picture: Path, tmp_path: Path) -> None:
    """What was begun is taken away, and the folder is named."""
    script = """
        import asyncio, resource, sys
        from pathlib import Path
        from storage.blobs import DirectoryBlobs
        from storage.errors import Unavailable
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        try:
            asyncio.run(DirectoryBlobs(Path(sys.argv[1])).put(Path(sys.argv[2])))
        except Unavailable as error:
            print(error)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "deep"), str(picture)]
    said = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    assert str(tmp_path / "deep") in said
    assert files(tmp_path) == []


def test_a_put_that_is_killed_half_way_leaves_no_blob_under_its_name(tmp_path: Path) -> None:
    """A name is only ever given to whole bytes."""
    fifo = tmp_path / "slow.png"
    os.mkfifo(fifo)
    script = """
        import asyncio, sys
        from pathlib import Path
        from storage.blobs import DirectoryBlobs
        asyncio.run(DirectoryBlobs(Path(sys.argv[1])).put(Path(sys.argv[2])))
    """
    putting = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "deep"), str(fifo)])
    with fifo.open("wb") as slow:
        slow.write(BYTES)
        slow.flush()
        putting.kill()
        putting.wait()
    assert {path.name.startswith(".incoming-") for path in files(tmp_path)} == {True}
