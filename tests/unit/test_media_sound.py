"""Sounds as people post them."""

import struct
from asyncio import gather
from pathlib import Path

import av
import pytest

from bot.media.contract import Unfit, UnfitReason
from bot.media.workbench import Workbench
from providers.kit.spec import AudioLimits
from tests.cases import posted
from tests.cases.inline import Inline
from tests.cases.posted import CANARY, SOUNDS, tone

LIMITS = AudioLimits()
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


def decoded_s(path: Path) -> float:
    """Return the length of a sound by decoding it, and make sure that there is nothing else in the file."""
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["audio"]
        assert set(container.metadata) <= {"encoder"}
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


@pytest.mark.parametrize("name", SOUNDS)
async def test_what_people_post_works(name: str, bench: Workbench, posting: Path) -> None:
    """Every usual kind of sound comes out as an MP3 of the same length."""
    make, mime = SOUNDS[name]
    make(posting)
    screened, prepared = await gather(
        bench.screen_audio(posting, MB_50), bench.prepare_audio(posting, LIMITS, cut_s=None)
    )
    assert screened.mime == mime
    assert [change.code for change in prepared.changes] == ([] if mime == "audio/mpeg" else ["converted"])
    assert prepared.mime == "audio/mpeg"
    assert prepared.duration_s == pytest.approx(4, abs=0.06)
    assert decoded_s(prepared.path) == pytest.approx(4, abs=0.06)


async def test_a_longer_sound_is_cut_to_the_video(bench: Workbench, posting: Path) -> None:
    """What the video has no room for is cut off, and both lengths are told."""
    tone(posting, "ogg", "libopus", 9)
    prepared = await bench.prepare_audio(posting, LIMITS, cut_s=5)
    cut = prepared.changes[-1]
    assert cut.code == "cut"
    assert dict(cut.facts) == pytest.approx({"from_s": 9, "to_s": 5}, abs=0.05)
    assert decoded_s(prepared.path) == pytest.approx(5, abs=0.06)


async def test_the_longest_sound_stays_below_the_maximum(bench: Workbench, posting: Path) -> None:
    """However a provider counts the padding of an MP3, it is not too long."""
    tone(posting, "mp3", "libmp3lame", 7, rate=44100)
    prepared = await bench.prepare_audio(posting, AudioLimits(max_s=6), cut_s=60)
    with av.open(str(prepared.path)) as container:
        frames = sum(1 for packet in container.demux(audio=0) if packet.size)
    assert frames * 1152 / 44100 < 6
    assert prepared.duration_s == pytest.approx(5.9, abs=0.01)


async def test_a_video_shorter_than_the_minimum_does_not_make_it_shorter(bench: Workbench, posting: Path) -> None:
    """The offer's minimum goes before the video's length."""
    tone(posting, "mp3", "libmp3lame", 4, rate=44100)
    assert (await bench.prepare_audio(posting, LIMITS, cut_s=1)).duration_s == pytest.approx(3, abs=0.01)


async def test_too_short_is_refused_with_both_numbers(bench: Workbench, posting: Path) -> None:
    """The refusal says how long it is and how long it must be."""
    tone(posting, "wav", "pcm_s16le", 2)
    with pytest.raises(Unfit) as refusal:
        await bench.prepare_audio(posting, LIMITS, cut_s=5)
    assert refusal.value.reason is UnfitReason.TOO_SHORT
    assert refusal.value.facts == {"seconds": 2.0, "min_s": 3.0}


async def test_an_offer_without_mp3_gets_a_wav_with_true_sizes(bench: Workbench, posting: Path) -> None:
    """The types of the limits decide, and the header is right."""
    tone(posting, "mp3", "libmp3lame", 4, rate=44100)
    prepared = await bench.prepare_audio(posting, AudioLimits(mimes=("audio/wav",)), cut_s=5)
    made = prepared.path.read_bytes()
    assert (prepared.mime, prepared.path.suffix) == ("audio/wav", ".wav")
    assert int.from_bytes(made[4:8], "little") == len(made) - 8
    assert struct.unpack_from("<I", made, made.index(b"data") + 4)[0] == len(made) - made.index(b"data") - 8
    assert b"LIST" not in made


async def test_a_wav_over_the_byte_limit_is_refused(bench: Workbench, posting: Path) -> None:
    """What cannot be made smaller is refused with both numbers."""
    tone(posting, "wav", "pcm_s16le", 4)
    with pytest.raises(Unfit) as refusal:
        await bench.prepare_audio(posting, AudioLimits(mimes=("audio/wav",), max_bytes=1000), cut_s=5)
    assert refusal.value.reason is UnfitReason.TOO_BIG


async def test_only_sound_leaves(bench: Workbench, posting: Path) -> None:
    """Neither a title nor a cover goes out."""
    tone(posting, "mp3", "libmp3lame", 4, rate=44100, id3v2_version="0")
    frame = b"TIT2" + struct.pack(">IH", len(CANARY) + 1, 0) + b"\0" + CANARY
    frame += b"APIC" + struct.pack(">IH", len(CANARY) + 14, 0) + b"\0image/png\0\3\0\0" + CANARY
    tag = b"ID3\3\0\0" + bytes(posted.CASES.synchsafe(len(frame))) + frame
    posting.write_bytes(tag + posting.read_bytes() + b"TAG" + CANARY.ljust(125, b"\0"))
    prepared = await bench.prepare_audio(posting, LIMITS, cut_s=5)
    made = prepared.path.read_bytes()
    assert CANARY not in made
    assert made[:3] != b"ID3"
    assert prepared.path.stat().st_mode & 0o777 == 0o600


async def test_stereo_stays_stereo(bench: Workbench, posting: Path) -> None:
    """Two channels go out as two."""
    with av.open(str(posting), "w", format="wav") as out:
        stream = out.add_stream("pcm_s16le", rate=44100)
        stream.layout = "stereo"
        for frame in posted.CASES.tone_frames(4, 44100):
            out.mux(stream.encode(av.AudioResampler("s16", "stereo", 44100).resample(frame)[0]))
    prepared = await bench.prepare_audio(posting, LIMITS)
    with av.open(str(prepared.path)) as container:
        assert container.streams.audio[0].channels == 2


async def test_a_recording_that_changes_its_rate_is_taken_whole(bench: Workbench, posting: Path) -> None:
    """Two recordings joined, as some telephones do, last as long as both."""
    for rate in (16000, 44100):
        tone(posting.with_suffix(f".{rate}"), "adts", "aac", 3, rate=rate)
    posting.write_bytes(b"".join(posting.with_suffix(f".{rate}").read_bytes() for rate in (16000, 44100)))
    prepared = await bench.prepare_audio(posting, LIMITS)
    assert prepared.duration_s == pytest.approx(6, abs=0.3)


@pytest.mark.parametrize("name", ["WAV", "M4A", "FLAC"])
async def test_a_sound_that_says_it_is_longer_is_truncated(name: str, bench: Workbench, posting: Path) -> None:
    """Where the header tells the whole length, a part of it is refused."""
    tone(posting, *{"WAV": ("wav", "pcm_s16le"), "M4A": ("mp4", "aac"), "FLAC": ("flac", "flac")}[name], 10)
    posting.write_bytes(posting.read_bytes()[: posting.stat().st_size // 2])
    with pytest.raises(Unfit) as refusal:
        await bench.prepare_audio(posting, LIMITS)
    assert refusal.value.reason is UnfitReason.TRUNCATED


async def test_a_stream_that_breaks_off_is_used_as_far_as_it_goes(bench: Workbench, posting: Path) -> None:
    """Formats made for streaming have no end to miss."""
    tone(posting, "ogg", "libopus", 10)
    posting.write_bytes(posting.read_bytes()[: posting.stat().st_size // 2])
    assert (await bench.prepare_audio(posting, LIMITS)).duration_s == pytest.approx(5, abs=1)


async def test_bad_frames_are_skipped(bench: Workbench, posting: Path) -> None:
    """A damaged second does not lose the rest, as in any player."""
    tone(posting, "mp3", "libmp3lame", 8, rate=44100)
    data = bytearray(posting.read_bytes())
    data[20_000:22_000] = b"\x55" * 2000
    posting.write_bytes(data)
    assert (await bench.prepare_audio(posting, LIMITS)).duration_s == pytest.approx(8, abs=0.6)


async def test_pictures_videos_and_papers_are_no_sounds(bench: Workbench, posting: Path) -> None:
    """What was mixed up is named."""
    clip = posting.with_suffix(".mp3")
    posted.CASES.clip(clip, "libx264", "yuv420p", seconds=1, size=(320, 240))
    posting.write_bytes(posted.PICTURES["GIF"][0]())
    paper = posting.with_suffix(".wav")
    paper.write_bytes(b"%PDF-1.7\n")
    works = [bench.screen_audio(path, MB_50) for path in (posting, clip, paper)]
    works += [bench.prepare_audio(path, LIMITS) for path in (posting, clip, paper)]  # type: ignore[misc]  # mixed on purpose
    found = []
    for refusal in await gather(*works, return_exceptions=True):
        assert isinstance(refusal, Unfit)
        found.append((refusal.reason, refusal.facts["found"]))
    wrong, none = UnfitReason.WRONG_MEDIA, UnfitReason.NOT_MEDIA
    assert found == [(wrong, "picture"), (wrong, "video"), (none, "pdf")] * 2


async def test_an_mp4_without_anything_in_it_has_no_sound(bench: Workbench, posting: Path) -> None:
    """A header alone is an empty recording."""
    tone(posting, "mp4", "aac", 0.02, movflags="empty_moov+default_base_moof")
    data = posting.read_bytes()
    posting.write_bytes(data[: data.index(b"moof") - 4])
    with pytest.raises(Unfit) as refusal:
        await bench.screen_audio(posting, MB_50)
    assert refusal.value.reason is UnfitReason.NO_SOUND
