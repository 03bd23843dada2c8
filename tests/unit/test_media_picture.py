"""Pictures as people post them."""

import io
import random
import struct
import zlib
from asyncio import gather
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from bot.media.contract import Prepared, Unfit, UnfitReason
from bot.media.workbench import Workbench
from providers.kit.spec import ImageLimits
from tests.cases import posted
from tests.cases.inline import Inline
from tests.cases.posted import CANARY, PICTURES, quadrants, saved

LIMITS = ImageLimits()
COLOURS = ((208, 32, 32), (32, 160, 48), (32, 64, 200), (224, 200, 40))
MB_50 = 50_000_000


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A workbench with a folder of its own."""
    (tmp_path / "out").mkdir()
    return Workbench(tmp_path / "out", lane=Inline)


@pytest.fixture
def posting(tmp_path: Path) -> Path:
    """Where a posted file goes: its name says nothing."""
    return tmp_path / "posted.txt"


def corners(path: Path) -> list[tuple[int, ...]]:
    """Return the colour in the middle of each quarter, in reading order."""
    with Image.open(path) as image:
        places = [(image.width * x // 4, image.height * y // 4) for y in (1, 3) for x in (1, 3)]
        return [tuple(image.getpixel(place)) for place in places]  # type: ignore[arg-type]  # RGB: a tuple


def assert_quadrants(path: Path, tolerance: int = 12) -> None:
    """Make sure that every corner has its colour."""
    for seen, wanted in zip(corners(path), COLOURS, strict=True):
        assert max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) <= tolerance


def codes(prepared: Prepared) -> tuple[str, ...]:
    """Return the names of what was changed."""
    return tuple(change.code for change in prepared.changes)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("name", PICTURES)
async def test_what_people_post_works(name: str, bench: Workbench, posting: Path) -> None:
    """Every usual kind of picture comes out as a JPEG of the same colours, and only what changed is told."""
    make, mime, told = PICTURES[name]
    posting.write_bytes(make())
    screened, prepared = await gather(bench.screen_image(posting, MB_50), bench.prepare_image(posting, LIMITS))
    assert (screened.mime, screened.width, screened.height) == (mime, *posted.SIZE)
    assert (prepared.mime, prepared.width, prepared.height) == ("image/jpeg", *posted.SIZE)
    assert codes(prepared) == told
    assert_quadrants(prepared.path)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_every_orientation_comes_out_upright(orientation: int, bench: Workbench, posting: Path) -> None:
    """All eight ways to hold a camera end the same way up."""
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
    undo |= {6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}
    image = quadrants(size=(500, 700))
    if orientation > 1:
        image = image.transpose(Image.Transpose[undo[orientation]])
    posting.write_bytes(saved(image, "JPEG", quality=92, exif=posted.exif(orientation)))
    screened, prepared = await gather(bench.screen_image(posting, MB_50), bench.prepare_image(posting, LIMITS))
    assert (screened.width, screened.height) == (prepared.width, prepared.height) == (500, 700)
    assert codes(prepared) == (("turned",) if orientation > 1 else ())
    assert_quadrants(prepared.path)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF"])
async def test_other_formats_are_turned_once_too(form: str, bench: Workbench, posting: Path) -> None:
    """Orientation is not a matter of JPEG alone, and is told."""
    lying = quadrants(size=(500, 700)).transpose(Image.Transpose.ROTATE_90)
    posting.write_bytes(saved(lying, form, exif=posted.exif(6)))
    prepared = await bench.prepare_image(posting, LIMITS)
    assert codes(prepared) == ("turned", "converted")
    assert (prepared.width, prepared.height) == (500, 700)
    assert_quadrants(prepared.path)


async def test_damaged_exif_is_no_reason_to_refuse(bench: Workbench, posting: Path) -> None:
    """A picture with nonsense for Exif is taken as it lies."""
    posting.write_bytes(saved(quadrants(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40))
    assert codes(await bench.prepare_image(posting, LIMITS)) == ()


@pytest.mark.parametrize("make", [posted.palette_with_hole, lambda: posted.saved(posted.with_hole(), "PNG")])
async def test_transparency_becomes_white(make: object, bench: Workbench, posting: Path) -> None:
    """What was see-through is white, and told."""
    assert callable(make)
    posting.write_bytes(make())
    prepared = await bench.prepare_image(posting, LIMITS)
    assert codes(prepared) == ("flattened", "converted")
    assert corners(prepared.path)[0] >= (250, 250, 250)


@pytest.mark.parametrize(("size", "wanted"), [((200, 300), (360, 540)), ((3000, 1500), (2000, 1000))])
async def test_sizes_are_brought_within_the_limits(
    size: tuple[int, int], wanted: tuple[int, int], bench: Workbench, posting: Path
) -> None:
    """Small pictures grow, large ones shrink, and both sizes are told."""
    posting.write_bytes(saved(quadrants(size=size), "JPEG", quality=92))
    prepared = await bench.prepare_image(posting, LIMITS)
    (change,) = prepared.changes
    assert change.facts == dict(zip(("from_width", "from_height", "to_width", "to_height"), size + wanted, strict=True))
    assert_quadrants(prepared.path)


async def test_a_long_picture_is_scaled_as_one(bench: Workbench, posting: Path) -> None:
    """Strips of a large picture join without a seam or a shift."""
    ramp = Image.linear_gradient("L").resize((4001, 3003)).convert("RGB")
    posting.write_bytes(saved(ramp, "PNG", compress_level=1))
    prepared = await bench.prepare_image(posting, LIMITS)
    with Image.open(prepared.path) as image:
        column = [image.getpixel((700, y))[0] for y in range(image.height)]  # type: ignore[index]  # RGB: a tuple
    assert all(-2 <= after - before <= 3 for before, after in pairwise(column))
    assert abs(column[len(column) // 2] - 128) <= 2


async def test_the_byte_limit_holds(bench: Workbench, posting: Path) -> None:
    """Noise that is too large at full quality is compressed further, and both sizes are told."""
    noise = Image.frombytes("RGB", (900, 900), random.Random(1).randbytes(900 * 900 * 3))
    posting.write_bytes(saved(noise, "PNG"))
    prepared = await bench.prepare_image(posting, ImageLimits(max_bytes=400_000))
    assert prepared.size_bytes == prepared.path.stat().st_size <= 400_000
    assert prepared.changes[-1].code == "recompressed"
    assert prepared.changes[-1].facts["to_bytes"] == prepared.size_bytes
    with Image.open(prepared.path) as image:
        assert image.size == (prepared.width, prepared.height)


async def test_a_limit_that_nothing_meets_is_a_refusal(bench: Workbench, posting: Path) -> None:
    """Where even the smallest size is too large, that is said."""
    noise = Image.frombytes("RGB", (400, 400), random.Random(1).randbytes(400 * 400 * 3))
    posting.write_bytes(saved(noise, "PNG"))
    with pytest.raises(Unfit) as refusal:
        await bench.prepare_image(posting, ImageLimits(max_bytes=1000))
    assert refusal.value.reason is UnfitReason.TOO_BIG
    assert refusal.value.facts["max_bytes"] == 1000


async def test_wide_colours_become_srgb(bench: Workbench, posting: Path) -> None:
    """A red of Display P3 is a stronger red in sRGB."""
    posting.write_bytes(saved(Image.new("RGB", (400, 400), (200, 60, 40)), "PNG", icc_profile=posted.p3_profile()))
    prepared = await bench.prepare_image(posting, LIMITS)
    assert codes(prepared) == ("converted", "colours")
    red, green, _ = corners(prepared.path)[0]
    assert red > 212
    assert green < 48


@pytest.mark.parametrize("profile", [b"no profile at all", posted.p3_profile()[:200]])
async def test_a_broken_profile_is_dropped_and_told(profile: bytes, bench: Workbench, posting: Path) -> None:
    """A profile alone is never a reason to refuse."""
    posting.write_bytes(saved(quadrants(), "JPEG", quality=92, icc_profile=profile))
    prepared = await bench.prepare_image(posting, LIMITS)
    assert codes(prepared) == ("profile_dropped",)
    assert_quadrants(prepared.path)


async def test_a_profile_of_another_mode_is_dropped_and_told(bench: Workbench, posting: Path) -> None:
    """Grey with a profile for RGB stays the grey that it is."""
    posting.write_bytes(saved(Image.new("L", (400, 400), 100), "JPEG", icc_profile=posted.p3_profile()))
    prepared = await bench.prepare_image(posting, LIMITS)
    assert codes(prepared) == ("profile_dropped",)
    assert abs(corners(prepared.path)[0][0] - 100) <= 2


@pytest.mark.parametrize("mode", ["I;16", "I", "F", "1", "LA", "CMYK", "YCbCr", "LAB"])
async def test_unusual_modes_of_tiff_are_taken(mode: str, bench: Workbench, posting: Path) -> None:
    """Half of white stays about half of white in whatever numbers it is written."""
    level = {"I;16": 32768, "I": 32768, "F": 0.5}.get(mode)
    image = Image.new("L", (400, 400), 128).convert(mode) if level is None else Image.new(mode, (400, 400), level)
    if level is not None:
        image.putpixel((0, 0), 65535 if level > 1 else 1.0)
    posting.write_bytes(saved(image, "TIFF"))
    prepared = await bench.prepare_image(posting, LIMITS)
    with Image.open(prepared.path) as made:
        grey = made.convert("L").reduce(50).getpixel((4, 4))
    assert isinstance(grey, int)
    assert abs(grey - 128) <= (20 if mode == "1" else 6)


async def test_only_pixels_leave(bench: Workbench, posting: Path) -> None:
    """Nothing of Exif, GPS, XMP, comments, profiles or an appended film is in what goes out, or in its frame."""
    posting.write_bytes(posted.private_jpeg())
    assert posting.read_bytes().count(CANARY) == 6
    prepared = await bench.prepare_image(posting, LIMITS)
    made = prepared.path.read_bytes()
    assert CANARY not in made
    assert not any(word in made for word in (b"Exif", b"http", b"ICC_PROFILE", b"ftyp"))
    with Image.open(io.BytesIO(made)) as image:
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}
    assert_quadrants(prepared.path)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF", "GIF"])
async def test_notes_of_other_formats_stay_here(form: str, bench: Workbench, posting: Path) -> None:
    """No format smuggles its notes into the JPEG."""
    notes = posted.exif(1) + CANARY
    options = {"comment": CANARY} if form == "GIF" else {"exif": notes, "xmp": CANARY}
    posting.write_bytes(saved(quadrants(), form, **options))
    prepared = await bench.prepare_image(posting, LIMITS)
    assert CANARY not in prepared.path.read_bytes()


async def test_what_is_made_is_private_and_new(bench: Workbench, posting: Path) -> None:
    """The file is ours alone, in the folder given, and the posted one is as it was."""
    before = saved(quadrants(), "JPEG")
    posting.write_bytes(before)
    prepared = await bench.prepare_image(posting, LIMITS)
    assert prepared.path.parent.name == "out"
    assert prepared.path.stat().st_mode & 0o777 == 0o600
    assert posting.read_bytes() == before


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"PK\3\4" + bytes(3000), b"\xff\xd8\xff garbage"])
async def test_something_appended_does_not_matter(tail: bytes, bench: Workbench, posting: Path) -> None:
    """A picture with a tail is a picture."""
    posting.write_bytes(saved(quadrants(), "JPEG", quality=92) + tail)
    prepared = await bench.prepare_image(posting, LIMITS)
    assert codes(prepared) == ()
    assert_quadrants(prepared.path)


CUT = ["JPEG", "progressive JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "LZW TIFF", "AVIF", "HEIC"]


@pytest.mark.parametrize("name", CUT)
async def test_half_a_picture_is_told_from_a_damaged_one(name: str, bench: Workbench, posting: Path) -> None:
    """What ends too early is refused as such, and leaves nothing behind."""
    whole = PICTURES[name][0]()
    posting.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unfit) as refusal:
        await bench.prepare_image(posting, LIMITS)
    assert refusal.value.reason is UnfitReason.TRUNCATED
    assert not list((posting.parent / "out").iterdir())


async def test_nonsense_inside_a_picture_is_corrupt(bench: Workbench, posting: Path) -> None:
    """A file that begins like a PNG and goes on as noise says so."""
    noise = random.Random(2).randbytes(20_000)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 500, 500, 8, 2, 0, 0, 0))
    posting.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", noise) + chunk(b"IEND", b""))
    with pytest.raises(Unfit) as refusal:
        await bench.prepare_image(posting, LIMITS)
    assert refusal.value.reason is UnfitReason.CORRUPT


OTHERS = {
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
    "html": b"<!doctype html><title>404</title>",
    "zip": b"PK\3\4\x14\0\0\0\x08\0" + bytes(60),
    "exe": b"MZ\x90\0\x03\0\0\0" + bytes(60),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    "text": b"hello, this is a picture of a cat",
    "psd": b"8BPS\0\1" + bytes(20),
    None: b"\x01\x02\x03\x04\xfe\xfd" * 20,
}


@pytest.mark.parametrize(("found", "head"), OTHERS.items(), ids=map(str, OTHERS))
async def test_what_is_no_picture_is_named(found: str | None, head: bytes, bench: Workbench, posting: Path) -> None:
    """A file of another kind is refused at the first look, by what it is and whatever it is called."""
    photo = posting.with_suffix(".jpg")
    photo.write_bytes(head)
    with pytest.raises(Unfit) as refusal:
        await bench.screen_image(photo, MB_50)
    assert refusal.value.reason is UnfitReason.NOT_MEDIA
    assert refusal.value.facts.get("found") == found


async def test_sounds_and_videos_are_no_pictures(bench: Workbench, posting: Path) -> None:
    """What was mixed up is named."""
    found = []
    posted.tone(posting, "mp4", "aac", 1)
    sound = posting.read_bytes()
    posted.CASES.clip(posting, "libx264", "yuv420p", seconds=1, size=(320, 240))
    for data in (sound, posting.read_bytes(), b"ID3\x03\0\0\0\0\0\0\xff\xfb\x90\x64"):
        posting.write_bytes(data)
        with pytest.raises(Unfit) as refusal:
            await bench.screen_image(posting, MB_50)
        assert refusal.value.reason is UnfitReason.WRONG_MEDIA
        found.append(refusal.value.facts["found"])
    assert found == ["sound", "video", "sound"]


def png_bomb() -> bytes:
    """Return a PNG whose header promises 10 GB."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


def tiff_bomb() -> bytes:
    """Return a TIFF whose directory promises 8 GB."""
    tags = [(0x100, 4, 1, 90_000), (0x101, 4, 1, 90_000), (0x102, 3, 1, 8), (0x103, 3, 1, 5), (0x106, 3, 1, 1)]
    return bytes(posted.CASES.tiff([*tags, (0x111, 4, 1, 8), (0x116, 4, 1, 90_000), (0x117, 4, 1, 100)]))


BOMBS = {
    "PNG": (png_bomb, (60_000, 60_000)),
    "TIFF": (tiff_bomb, (90_000, 90_000)),
    "BMP": (
        lambda: b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, 50_000, 50_000, 1, 24, *[0] * 6),
        (50_000, 50_000),
    ),
    "GIF": (
        lambda: (
            b"GIF89a"
            + struct.pack("<HHBBB", 65_000, 65_000, 0, 0, 0)
            + b"\x2c"
            + struct.pack("<HHHHB", 0, 0, 65_000, 65_000, 0)
            + b"\2\1\0\0;"
        ),
        (65_000, 65_000),
    ),
    "JPEG": (lambda: posted.huge_jpeg(30_000, 30_000), (30_000, 30_000)),
    "progressive JPEG": (lambda: posted.huge_jpeg(14_000, 14_000, progressive=True), (14_000, 14_000)),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_bombs_are_refused_by_their_header(name: str, bench: Workbench, posting: Path) -> None:
    """A small file that would become a huge picture is refused at the first look, with its size."""
    make, size = BOMBS[name]
    posting.write_bytes(make())
    works = (bench.screen_image(posting, MB_50), bench.prepare_image(posting, LIMITS))
    for refusal in await gather(*works, return_exceptions=True):
        assert isinstance(refusal, Unfit)
        assert refusal.reason is UnfitReason.BOMB
        assert (refusal.facts["width"], refusal.facts["height"]) == size


async def test_a_gif_of_many_frames_costs_one(bench: Workbench, posting: Path) -> None:
    """Only the first frame is ever decoded."""
    frames = [Image.new("L", (400, 400), n % 256) for n in range(100)]
    posting.write_bytes(saved(quadrants(), "GIF", save_all=True, append_images=frames))
    prepared = await bench.prepare_image(posting, LIMITS)
    assert codes(prepared) == ("first_frame", "converted")
    assert_quadrants(prepared.path)
