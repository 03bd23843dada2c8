"""What every platform keeps to, whichever it is; a new one joins PLATFORMS and is held to the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.platforms.contract import Command, Notice, Parcel, Progress, Spot
from bot.platforms.errors import PlaceGone, PlatformDown
from bot.platforms.terminal import NUMBERED
from tests.fakes.houses import PLATFORMS, Desk, House

ODD_TEXTS = [
    "",
    " ",
    "a\nb\r\n\tc",
    "👩‍🚀 e\u0301 नि \u202egnp",
    "\x1b[2J\x07\x00",
    "@everyone <!channel> <@1> [x](http://a.b) `code` *bold* {0} %s",
    "\udcff",
    "x" * 300_000,
]
VIDEO = b"a video" * 10_000


@pytest.fixture(params=PLATFORMS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """Each platform in turn, with an empty world behind it."""
    return PLATFORMS[request.param](tmp_path / "house")


@pytest.fixture
def parcel(house: House, tmp_path: Path) -> Parcel:
    """A finished video on its way."""
    video = tmp_path / "result.mp4"
    video.write_bytes(VIDEO)
    return Parcel(
        job="7K3Q9FD2", spot=house.spot("one"), user="cli/ana", video=video, text="Done.", alt="Video, 5 s: a cat"
    )


def command(spot: Spot, number: int) -> Command:
    """Return what a person asks in a place."""
    return Command(
        id=f"command-{number}", user="cli/ana", scope="cli/local", channel=None, spot=spot, prompt="a cat", image=None
    )


def another(parcel: Parcel, tmp_path: Path, spot: Spot) -> Parcel:
    """Return another job's video."""
    video = tmp_path / "another.mp4"
    video.write_bytes(VIDEO[::-1])
    return replace(parcel, job="8M4R0GE3", spot=spot, video=video)


class TestCommands:
    """`run` hands over what people ask."""

    async def test_each_command_is_handed_over_once_under_its_own_id(self, house: House) -> None:
        """In the order in which they came, with the place to answer."""
        asked = [command(house.spot(name), number) for number, name in enumerate(("one", "two"))]
        taken: asyncio.Queue[Command] = asyncio.Queue()
        running = asyncio.create_task(house.open(asked).run(taken.put))
        assert [await taken.get() for _ in asked] == asked
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert taken.empty()

    async def test_it_ends_when_it_is_cancelled(self, house: House) -> None:
        """Within a second, even in the middle of a command."""
        entered = asyncio.Event()

        async def take(one: Command) -> None:
            """Begin, and never end."""
            entered.set()
            await asyncio.Event().wait()

        running = asyncio.create_task(house.open([command(house.spot("one"), 1)]).run(take))
        await entered.wait()
        running.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await running


class TestNotices:
    """`announce` says what a person must not miss."""

    async def test_the_same_notice_is_the_same_message(self, house: House) -> None:
        """Whoever posted it may have died before writing it down."""
        notice = Notice(job="7K3Q9FD2", what="late", spot=house.spot("one"), user="cli/ana", text="It is late.")
        first = await house.open().announce(notice)
        assert first
        assert await house.open().announce(notice) == first
        assert house.said().count("It is late.") <= 1


class TestText:
    """`say`, `tell` and `show_progress` speak to people."""

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    async def test_no_text_is_too_odd(self, house: House, text: str) -> None:
        """Nothing is raised, whatever somebody wrote."""
        platform, spot = house.open(), house.spot("one")
        assert isinstance(await platform.say(spot, text), str)
        await platform.tell("cli/ana", text)
        await platform.show_progress(spot, Progress(job="7K3Q9FD2", text=text, fraction=0.5))

    async def test_a_text_arrives_as_it_is(self, house: House) -> None:
        """Said in a place, and told to one person."""
        platform = house.open()
        await platform.say(house.spot("one"), "a cat walks")
        await platform.tell("cli/ana", "it walked")
        assert house.said() == ["a cat walks", "it walked"]

    async def test_a_long_text_is_cut_at_a_word(self, house: House) -> None:
        """To what the platform takes, with an ellipsis, inside no word."""
        platform = house.open()
        most = platform.abilities.text_max_chars
        words = "meow " * (most // 5 + 10)
        await platform.say(house.spot("one"), words)
        await platform.tell("cli/ana", words)
        for said in house.said():
            assert most - 10 < len(said) <= most
            assert said.endswith("meow…")

    async def test_progress_is_shown_as_it_comes(self, house: House) -> None:
        """With a fraction where it is known, 0 included, and without where it is not."""
        platform, spot = house.open(), house.spot("one")
        steps = [Progress(job="7K3Q9FD2", text="Rendering", fraction=fraction) for fraction in (None, 0.0, 0.5, 1.0)]
        for step in steps:
            await platform.show_progress(spot, step)
        assert house.progress() == steps


class TestVideos:
    """`show_video` and `find` bring a video to its place, once."""

    async def test_a_video_lands_whole_in_its_place(self, house: House, parcel: Parcel) -> None:
        """With the text beside it, and nowhere else."""
        elsewhere = house.spot("two")
        assert await house.open().show_video(parcel)
        assert house.shown(parcel.spot) == [VIDEO]
        assert house.shown(elsewhere) == []
        assert parcel.text in house.said()

    async def test_it_is_known_again_after_a_restart(self, house: House, parcel: Parcel) -> None:
        """By another process, which gets the same reference."""
        assert await house.open().find(parcel) is None
        reference = await house.open().show_video(parcel)
        assert await house.open().find(parcel) == reference

    async def test_another_jobs_video_is_not_taken_for_it(self, house: House, parcel: Parcel, tmp_path: Path) -> None:
        """Neither in its place nor in another."""
        await house.open().show_video(another(parcel, tmp_path, parcel.spot))
        assert await house.open().find(parcel) is None
        assert await house.open().find(replace(parcel, spot=house.spot("two"))) is None

    async def test_an_old_place_can_still_be_answered(self, house: House, parcel: Parcel) -> None:
        """From its plain strings alone, as the store keeps them."""
        spot = Spot(server=parcel.spot.server, channel=parcel.spot.channel, thread=parcel.spot.thread)
        await house.open().say(spot, "still here")
        await house.open().show_video(replace(parcel, spot=spot))
        assert house.shown(parcel.spot) == [VIDEO]

    async def test_a_place_that_is_gone_is_told_and_nothing_is_posted(self, house: House, parcel: Parcel) -> None:
        """For good, with a reason for operators."""
        house.lose(parcel.spot)
        with pytest.raises(PlaceGone) as gone:
            await house.open().show_video(parcel)
        assert str(gone.value)
        assert house.said() == []
        assert house.shown(parcel.spot) == []
        assert await house.open().find(parcel) is None

    async def test_where_nothing_can_be_posted_now_it_can_be_later(self, house: House, parcel: Parcel) -> None:
        """What failed leaves nothing half, and the next try succeeds."""
        with house.down(), pytest.raises(PlatformDown):
            await house.open().show_video(parcel)
        assert house.shown(parcel.spot) == []
        assert await house.open().find(parcel) is None
        await house.open().show_video(parcel)
        assert house.shown(parcel.spot) == [VIDEO]


class TestFiles:
    """What only a place that is a file can promise."""

    async def test_what_stood_under_the_name_stays_until_the_video_is_whole(
        self, tmp_path: Path, parcel: Parcel
    ) -> None:
        """A try that fails leaves the old file; one that succeeds replaces it."""
        desk = Desk(tmp_path / "desk")
        mine = replace(parcel, spot=desk.spot("one"))
        Path(mine.spot.channel).write_bytes(b"old")
        with desk.down(), pytest.raises(PlatformDown):
            await desk.open().show_video(mine)
        assert desk.shown(mine.spot) == [b"old"]
        await desk.open().show_video(mine)
        assert desk.shown(mine.spot) == [VIDEO]

    async def test_a_folder_under_the_name_is_a_place_that_is_gone(self, tmp_path: Path, parcel: Parcel) -> None:
        """It is never replaced."""
        desk = Desk(tmp_path / "desk")
        mine = replace(parcel, spot=desk.spot("one"))
        Path(mine.spot.channel).mkdir()
        with pytest.raises(PlaceGone):
            await desk.open().show_video(mine)
        assert Path(mine.spot.channel).is_dir()

    async def test_a_name_that_nobody_chose_replaces_nothing(self, tmp_path: Path, parcel: Parcel) -> None:
        """The next number is free; each video is found again under its own."""
        desk = Desk(tmp_path / "desk")
        mine = replace(parcel, spot=replace(desk.spot("one"), thread=NUMBERED))
        other = another(mine, tmp_path, mine.spot)
        Path(mine.spot.channel).write_bytes(b"old")
        written = [await desk.open().show_video(each) for each in (mine, other)]
        assert [Path(each).name for each in written] == ["out-2.mp4", "out-3.mp4"]
        assert [await desk.open().find(each) for each in (mine, other)] == written
        assert Path(mine.spot.channel).read_bytes() == b"old"

    async def test_a_video_can_be_sent_to_another_file(self, tmp_path: Path, parcel: Parcel) -> None:
        """Only the job's own, and whatever had that name is replaced."""
        desk = Desk(tmp_path / "desk")
        target = tmp_path / "collected.mp4"
        target.write_bytes(b"old")
        mine = replace(parcel, spot=replace(desk.spot("one"), thread=NUMBERED))
        platform = desk.open()
        platform = type(platform)(lambda _: None, redirected={mine.job: target})
        assert await platform.show_video(mine) == str(target) == await platform.find(mine)
        assert target.read_bytes() == VIDEO
        assert desk.shown(mine.spot) == []
