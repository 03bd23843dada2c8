"""Files as people post them, made from nothing: pictures in four quadrants of colour, sounds of one tone."""

from __future__ import annotations

import importlib
import io
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import av
import pillow_heif
from PIL import Image

CASES: Any = importlib.import_module("tests.cases.make_cases")
CANARY = b"CANARY-53.5511N-9.9937E"

SIZE = (600, 400)


def quadrants(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Return red and green over blue and yellow."""
    image: Image.Image = CASES.quadrants(*size)
    return image.convert(mode)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """Return a picture as the bytes of a file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def heic(image: Image.Image, **options: Any) -> bytes:
    """Return a picture as a HEIC, which Pillow alone does not write."""
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=90, **options)
    return out.getvalue()


def frame(image: Image.Image) -> av.VideoFrame:
    """Return a picture as a frame of video."""
    made: av.VideoFrame = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]  # PyAV leaves it untyped
    return made


def animated(form: str) -> bytes:
    """Return the picture followed by a black frame."""
    return saved(quadrants(), form, save_all=True, append_images=[Image.new("RGB", SIZE, "black")], duration=100)


def palette_with_hole() -> bytes:
    """Return a palette picture whose red is see-through."""
    image = quadrants().quantize(16)
    index = image.getpixel((10, 10))
    return saved(image, "PNG", transparency=index)


def rgb16_png() -> bytes:
    """A PNG of 16 bits a channel, which Pillow reads but does not write."""
    out = io.BytesIO()
    with av.open(out, "w", format="image2pipe") as container:
        stream: Any = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "rgb48be"
        container.mux(stream.encode(frame(quadrants()).reformat(format="rgb48be")))
        container.mux(stream.encode(None))
    return out.getvalue()


def exif(orientation: int) -> bytes:
    """Return an Exif block that says how the camera was held."""
    return b"Exif\0\0" + bytes(CASES.tiff([(0x0112, 3, 1, orientation)]))


def private_jpeg() -> bytes:
    """A photo that carries a canary in Exif, its GPS part, a thumbnail, XMP, a comment, a profile and behind its end."""
    maker = [(0x927C, 7, len(CANARY), CANARY)]
    block = bytes(CASES.tiff([(0x010E, 2, len(CANARY), CANARY), (0x0112, 3, 1, 1)], maker))
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + CANARY + b"</x:xmpmeta>"
    profile = bytes(CASES.icc(b"RGB ", 0x02400000, [(b"desc", b"text\0\0\0\0" + CANARY)]))
    extra = CASES.segment(0xE1, b"Exif\0\0" + block) + CASES.segment(0xE1, xmp) + CASES.segment(0xFE, CANARY)
    extra += CASES.segment(0xE2, b"ICC_PROFILE\0\1\1" + profile)
    motion = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + CANARY
    return bytes(CASES.after_soi(saved(quadrants(), "JPEG", quality=92), extra)) + motion


def p3_profile() -> bytes:
    """A small Display P3: its primaries, and a gamma of 2.2 for its curve."""

    def xyz(*values: float) -> bytes:
        return b"XYZ " + bytes(4) + bytes(CASES.s15(*values))

    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(2.2 * 256))
    tags = [
        (b"desc", b"desc" + bytes(4) + struct.pack(">I", 3) + b"P3\0" + bytes(78)),
        (b"wtpt", xyz(0.9642, 1.0, 0.8249)),
    ]
    tags += [
        (b"rXYZ", xyz(0.5151, 0.2412, -0.0011)),
        (b"gXYZ", xyz(0.2920, 0.6922, 0.0419)),
        (b"bXYZ", xyz(0.1571, 0.0666, 0.7841)),
    ]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return bytes(CASES.icc(b"RGB ", 0x02400000, tags))


PICTURES: dict[str, tuple[Callable[[], bytes], str, tuple[str, ...]]] = {
    "JPEG": (lambda: saved(quadrants(), "JPEG", quality=92), "image/jpeg", ()),
    "progressive JPEG": (lambda: saved(quadrants(), "JPEG", quality=92, progressive=True), "image/jpeg", ()),
    "CMYK JPEG": (lambda: saved(quadrants("CMYK"), "JPEG", quality=92), "image/jpeg", ("colours",)),
    "MPO": (lambda: saved(quadrants(), "MPO", save_all=True, append_images=[quadrants()]), "image/jpeg", ()),
    "PNG": (lambda: saved(quadrants(), "PNG"), "image/png", ("converted",)),
    "opaque RGBA PNG": (lambda: saved(quadrants("RGBA"), "PNG"), "image/png", ("converted",)),
    "palette PNG": (lambda: saved(quadrants().quantize(16), "PNG"), "image/png", ("converted",)),
    "16-bit PNG": (rgb16_png, "image/png", ("converted",)),
    "animated PNG": (lambda: animated("PNG"), "image/png", ("first_frame", "converted")),
    "GIF": (lambda: saved(quadrants(), "GIF"), "image/gif", ("converted",)),
    "animated GIF": (lambda: animated("GIF"), "image/gif", ("first_frame", "converted")),
    "WEBP": (lambda: saved(quadrants(), "WEBP", quality=95), "image/webp", ("converted",)),
    "animated WEBP": (lambda: animated("WEBP"), "image/webp", ("first_frame", "converted")),
    "BMP": (lambda: saved(quadrants(), "BMP"), "image/bmp", ("converted",)),
    "TIFF": (lambda: saved(quadrants(), "TIFF"), "image/tiff", ("converted",)),
    "LZW TIFF": (lambda: saved(quadrants(), "TIFF", compression="tiff_lzw"), "image/tiff", ("converted",)),
    "AVIF": (lambda: saved(quadrants(), "AVIF", quality=90), "image/avif", ("converted",)),
    "HEIC": (lambda: heic(quadrants()), "image/heic", ("converted",)),
}
PICTURES = {name: (cache(make), mime, told) for name, (make, mime, told) in PICTURES.items()}
"""Name to maker, true type, and what is told."""


def tone(path: Path, form: str, codec: str, seconds: float = 4, rate: int = 48000, **options: Any) -> None:
    """Write some seconds of one tone."""
    CASES.tone(str(path), form, codec, seconds, rate=rate, **options)


def covered_m4a(path: Path) -> None:
    """An M4A with cover art, as music shops sell them."""
    tone(path.with_suffix(".plain"), "mp4", "aac")
    cover = frame(quadrants()).reformat(format="yuvj420p")
    with av.open(str(path.with_suffix(".plain"))) as source, av.open(str(path), "w", format="mp4") as target:
        sound: Any = target.add_stream_from_template(source.streams.audio[0])
        art: Any = target.add_stream("mjpeg", rate=1)
        art.width, art.height, art.pix_fmt = *SIZE, "yuvj420p"
        art.disposition = av.stream.Disposition.attached_pic
        target.mux(art.encode(cover))
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                target.mux(packet)


def amr(path: Path) -> None:
    """Write four seconds of AMR by hand, for which not every FFmpeg has an encoder."""
    path.write_bytes(b"#!AMR\n" + (b"\x3c" + bytes(31)) * 200)


def titled_wav(path: Path) -> None:
    """Write a WAV whose title is in the letters of an older system."""
    tone(path, "wav", "pcm_s16le")
    title = "Überfahrt".encode("latin-1")
    notes = b"INFOINAM" + struct.pack("<I", len(title)) + title + b"\0"
    data = path.read_bytes()
    data = data[:12] + b"LIST" + struct.pack("<I", len(notes)) + notes + data[12:]
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])


SOUNDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "WAV": (lambda path: tone(path, "wav", "pcm_s16le"), "audio/wav"),
    "24-bit WAV": (lambda path: tone(path, "wav", "pcm_s24le"), "audio/wav"),
    "MP3": (lambda path: tone(path, "mp3", "libmp3lame", rate=44100), "audio/mpeg"),
    "Opus voice message": (lambda path: tone(path, "ogg", "libopus", bit_rate=24000), "audio/ogg"),
    "Vorbis": (lambda path: tone(path, "ogg", "flac"), "audio/ogg"),
    "M4A": (lambda path: tone(path, "mp4", "aac"), "audio/mp4"),
    "M4A with cover": (covered_m4a, "audio/mp4"),
    "AAC": (lambda path: tone(path, "adts", "aac"), "audio/aac"),
    "FLAC": (lambda path: tone(path, "flac", "flac"), "audio/flac"),
    "WEBM": (lambda path: tone(path, "webm", "libopus"), "audio/webm"),
    "AIFF": (lambda path: tone(path, "aiff", "pcm_s16be"), "audio/aiff"),
    "AMR": (amr, "audio/amr"),
    "WAV with a title in Latin-1": (titled_wav, "audio/wav"),
}
"""Name to maker and true type; each lasts four seconds."""


def with_hole() -> Image.Image:
    """A picture whose first quarter is see-through."""
    image = quadrants("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, SIZE[0] // 2, SIZE[1] // 2))
    return image


def huge_jpeg(width: int, height: int, **options: Any) -> bytes:
    """A small JPEG whose header claims another size."""
    data = saved(quadrants(size=(64, 64)), "JPEG", **options)
    marker = b"\xff\xc2" if options.get("progressive") else b"\xff\xc0"
    at = data.index(marker) + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def near(seen: Any, wanted: tuple[int, int, int], tolerance: int = 12) -> bool:
    """Tell whether two colours look the same."""
    return all(abs(a - b) <= tolerance for a, b in zip(seen, wanted, strict=True))
