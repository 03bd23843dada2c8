"""What every platform keeps to, whichever it is; a new one joins PLATFORMS and is held to the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from bot.platforms.contract import (
    Action,
    Answer,
    Card,
    Command,
    Desk,
    Item,
    Message,
    Moment,
    Notice,
    Parcel,
    Progress,
    Spot,
    Style,
)
from bot.platforms.errors import PlaceGone, PlatformDown
from bot.platforms.terminal import NUMBERED
from tests.fakes.houses import PLATFORMS, House, Terminal

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
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """Each platform in turn, with an empty world behind it."""
    house = PLATFORMS[request.param](tmp_path / "house")
    yield house
    await house.close()


@pytest.fixture
def parcel(house: House, tmp_path: Path) -> Parcel:
    """A finished video on its way."""
    video = tmp_path / "result.mp4"
    video.write_bytes(VIDEO)
    return Parcel(
        job="7K3Q9FD2",
        spot=house.spot("one"),
        user=house.user,
        video=video,
        message=Message(text=("Done in 58 s.",)),
        alt="Video, 5 s: a cat",
    )


def card(house: House, line: str, **more: object) -> Card:
    """Return a card that says a line."""
    told = Card(
        job="7K3Q9FD2", spot=house.spot("one"), user=house.user, prompt="a cat", small=("5 s",), head=line, line=line
    )
    return replace(told, **more)  # type: ignore[arg-type] # any of its fields


def another(parcel: Parcel, tmp_path: Path, spot: Spot) -> Parcel:
    """Return another job's video."""
    video = tmp_path / "another.mp4"
    video.write_bytes(VIDEO[::-1])
    return replace(parcel, job="8M4R0GE3", spot=spot, video=video)


class TestNotices:
    """`announce` says what a person must not miss."""

    async def test_the_same_notice_is_the_same_message(self, house: House) -> None:
        """Whoever posted it may have died before writing it down."""
        message = Message(text=("It is late.",), small=("job 7K3Q9FD2",))
        notice = Notice(job="7K3Q9FD2", what="late", spot=house.spot("one"), user=house.user, message=message)
        first = await (await house.open()).announce(notice)
        assert first
        assert await (await house.open()).announce(notice) == first
        assert sum("It is late." in line for line in house.said()) <= 1


class TestText:
    """`say` and `tell` speak to people."""

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    async def test_no_text_is_too_odd(self, house: House, text: str) -> None:
        """Nothing is raised, whatever somebody wrote and wherever it is shown."""
        platform, spot = await house.open(), house.spot("one")
        message = Message(
            head=text,
            text=(text, Moment(1_795_529_440_000), text),
            quote=text,
            small=(text,),
            items=(Item(quote=text, small=(text,), action=Action(label=text, verb="cancel", of="7K3Q9FD2")),),
            actions=(Action(label=text, verb="more", style=Style.DANGER), Action(label=text, link=text)),
        )
        assert isinstance(await platform.say(spot, text), str)
        await platform.tell(house.user, message)
        shown = card(house, text, prompt=text, small=(text,), progress=message, link=text, link_label=text)
        standing = await platform.show_card(shown, {})
        await platform.show_card(replace(shown, progress=None, note=(text,), is_over=True), standing)
        notice = Notice(job="7K3Q9FD2", what="late", spot=spot, user=house.user, message=message)
        assert isinstance(await platform.announce(notice), str)

    async def test_a_text_arrives_as_it_is(self, house: House) -> None:
        """Said in a place, and told to one person."""
        platform = await house.open()
        await platform.say(house.spot("one"), "a cat walks")
        await platform.tell(house.user, Message(text=("it walked",)))
        assert house.said() == ["a cat walks", "it walked"]

    async def test_a_long_text_is_cut_at_a_word(self, house: House) -> None:
        """To what the platform takes, with an ellipsis, inside no word."""
        platform = await house.open()
        most = platform.abilities.text_max_chars
        words = "meow " * (most // 5 + 10)
        await platform.say(house.spot("one"), words)
        await platform.tell(house.user, Message(text=(words,)))
        assert len(house.said()) == 2
        for said in house.said():
            assert most - 10 < len(said) <= most
            assert said.endswith("meow…")


class TestCards:
    """`show_card` says where a job stands, in one place that changes."""

    async def test_the_newest_words_stand_there_once(self, house: House) -> None:
        """Whatever was shown before, and with plain strings as all that is kept."""
        platform = await house.open()
        standing = await platform.show_card(card(house, "Next in line"), {})
        kept = json.loads(json.dumps(dict(standing)))
        assert all(isinstance(value, str) for value in kept.values())
        await (await house.open()).show_card(card(house, "Done in 58 s", is_over=True), kept)
        [told] = house.cards(house.spot("one"))
        assert "Done in 58 s" in told
        assert "Next in line" not in told

    async def test_a_card_is_known_again_after_a_crash(self, house: House) -> None:
        """By another process, which does not know where it stands."""
        waiting = card(house, "Next in line", actions=(Action(label="Cancel", verb="cancel", of="7K3Q9FD2"),))
        await (await house.open()).show_card(waiting, {})
        await (await house.open()).show_card(waiting, {})
        assert len(house.cards(house.spot("one"))) == 1

    async def test_a_card_that_cannot_be_shown_is_let_go(self, house: House) -> None:
        """The job goes on, and its video finds its own way."""
        platform, shown = await house.open(), card(house, "Next in line")
        house.lose(shown.spot)
        standing = await platform.show_card(shown, {})
        await platform.show_card(replace(shown, head="Done", line="Done", is_over=True), standing)


class TestVideos:
    """`show_video` and `find` bring a video to its place, once."""

    async def test_a_video_lands_whole_in_its_place(self, house: House, parcel: Parcel) -> None:
        """With the text beside it, and nowhere else."""
        elsewhere = house.spot("two")
        assert await (await house.open()).show_video(parcel)
        assert house.shown(parcel.spot) == [VIDEO]
        assert house.shown(elsewhere) == []
        assert any("Done in 58 s." in line for line in house.said())

    async def test_it_is_known_again_after_a_restart(self, house: House, parcel: Parcel) -> None:
        """By another process, which gets the same reference."""
        assert await (await house.open()).find(parcel) is None
        reference = await (await house.open()).show_video(parcel)
        assert await (await house.open()).find(parcel) == reference

    async def test_another_jobs_video_is_not_taken_for_it(self, house: House, parcel: Parcel, tmp_path: Path) -> None:
        """Neither in its place nor in another."""
        await (await house.open()).show_video(another(parcel, tmp_path, parcel.spot))
        assert await (await house.open()).find(parcel) is None
        assert await (await house.open()).find(replace(parcel, spot=house.spot("two"))) is None

    async def test_an_old_place_can_still_be_answered(self, house: House, parcel: Parcel) -> None:
        """From its plain strings alone, as the store keeps them."""
        spot = Spot(server=parcel.spot.server, channel=parcel.spot.channel, thread=parcel.spot.thread)
        await (await house.open()).say(spot, "still here")
        await (await house.open()).show_video(replace(parcel, spot=spot))
        assert house.shown(parcel.spot) == [VIDEO]

    async def test_a_place_that_is_gone_is_told_and_nothing_is_posted(self, house: House, parcel: Parcel) -> None:
        """For good, with a reason for operators."""
        house.lose(parcel.spot)
        with pytest.raises(PlaceGone) as gone:
            await (await house.open()).show_video(parcel)
        assert str(gone.value)
        assert house.said() == []
        assert house.shown(parcel.spot) == []
        assert await (await house.open()).find(parcel) is None

    async def test_where_nothing_can_be_posted_now_it_can_be_later(self, house: House, parcel: Parcel) -> None:
        """What failed leaves nothing half, and the next try succeeds."""
        with house.down(), pytest.raises(PlatformDown):
            await (await house.open()).show_video(parcel)
        assert house.shown(parcel.spot) == []
        assert await (await house.open()).find(parcel) is None
        await (await house.open()).show_video(parcel)
        assert house.shown(parcel.spot) == [VIDEO]


class _Taker:
    """A desk that takes commands, and counts them."""

    def __init__(self, *, endless: bool = False) -> None:
        self.taken: asyncio.Queue[Command] = asyncio.Queue()
        self._endless = endless

    async def ask(self, command: Command) -> Answer:
        await self.taken.put(command)
        if self._endless:
            await asyncio.Event().wait()
        return Answer(job="7K3Q9FD2")

    def as_desk(self) -> Desk:
        return cast("Desk", self)


class TestCommands:
    """A terminal's `run` brings what was typed to the desk. What Discord brings is tested with its gateway."""

    @staticmethod
    def typed(terminal: Terminal, number: int) -> Command:
        """Return what a person types for a place of its own."""
        spot, name = terminal.spot(f"{number}"), f"command-{number}"
        return Command(id=name, user="cli/ana", scope="cli/local", channel=None, spot=spot, prompt="a cat", image=None)

    async def test_each_command_is_handed_over_once_under_its_own_id(self, tmp_path: Path) -> None:
        """In the order in which they came, with the place to answer."""
        terminal, desk = Terminal(tmp_path), _Taker()
        asked = [self.typed(terminal, number) for number in range(2)]
        running = asyncio.create_task(terminal.opened(asked).run(desk.as_desk()))
        assert [await desk.taken.get() for _ in asked] == asked
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert desk.taken.empty()

    async def test_it_ends_when_it_is_cancelled(self, tmp_path: Path) -> None:
        """Within a second, even in the middle of a command."""
        terminal, desk = Terminal(tmp_path), _Taker(endless=True)
        running = asyncio.create_task(terminal.opened([self.typed(terminal, 1)]).run(desk.as_desk()))
        await desk.taken.get()
        running.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await running

    async def test_progress_is_drawn_as_it_comes(self, tmp_path: Path) -> None:
        """With a fraction where it is known, 0 included, and without where it is not."""
        terminal = Terminal(tmp_path)
        for fraction in (None, 0.0, 0.5, 1.0):
            await terminal.opened().show_card(card(terminal, "Rendering", fraction=fraction), {})
        expected = [Progress(job="7K3Q9FD2", text="Rendering", fraction=each) for each in (None, 0.0, 0.5, 1.0)]
        assert terminal.drawn == expected


class TestFiles:
    """What only a place that is a file can promise."""

    @pytest.fixture
    def parcel(self, tmp_path: Path) -> Parcel:
        """A finished video on its way to no place yet."""
        video = tmp_path / "result.mp4"
        video.write_bytes(VIDEO)
        spot, done = Spot(server="local", channel=""), Message(text=("Done.",))
        return Parcel(job="7K3Q9FD2", spot=spot, user="cli/ana", video=video, message=done, alt="Video, 5 s: a cat")

    async def test_what_stood_under_the_name_stays_until_the_video_is_whole(
        self, tmp_path: Path, parcel: Parcel
    ) -> None:
        """A try that fails leaves the old file; one that succeeds replaces it."""
        terminal = Terminal(tmp_path / "desk")
        mine = replace(parcel, spot=terminal.spot("one"))
        Path(mine.spot.channel).write_bytes(b"old")
        with terminal.down(), pytest.raises(PlatformDown):
            await terminal.opened().show_video(mine)
        assert terminal.shown(mine.spot) == [b"old"]
        await terminal.opened().show_video(mine)
        assert terminal.shown(mine.spot) == [VIDEO]

    async def test_a_folder_under_the_name_is_a_place_that_is_gone(self, tmp_path: Path, parcel: Parcel) -> None:
        """It is never replaced."""
        terminal = Terminal(tmp_path / "desk")
        mine = replace(parcel, spot=terminal.spot("one"))
        Path(mine.spot.channel).mkdir()
        with pytest.raises(PlaceGone):
            await terminal.opened().show_video(mine)
        assert Path(mine.spot.channel).is_dir()

    async def test_a_name_that_nobody_chose_replaces_nothing(self, tmp_path: Path, parcel: Parcel) -> None:
        """The next number is free; each video is found again under its own."""
        terminal = Terminal(tmp_path / "desk")
        mine = replace(parcel, spot=replace(terminal.spot("one"), thread=NUMBERED))
        other = another(mine, tmp_path, mine.spot)
        Path(mine.spot.channel).write_bytes(b"old")
        written = [await terminal.opened().show_video(each) for each in (mine, other)]
        assert [Path(each).name for each in written] == ["out-2.mp4", "out-3.mp4"]
        assert [await terminal.opened().find(each) for each in (mine, other)] == written
        assert Path(mine.spot.channel).read_bytes() == b"old"

    async def test_a_video_can_be_sent_to_another_file(self, tmp_path: Path, parcel: Parcel) -> None:
        """Only the job's own, and whatever had that name is replaced."""
        terminal = Terminal(tmp_path / "desk")
        target = tmp_path / "collected.mp4"
        target.write_bytes(b"old")
        mine = replace(parcel, spot=replace(terminal.spot("one"), thread=NUMBERED))
        platform = terminal.opened()
        platform = type(platform)(lambda _: None, redirected={mine.job: target})
        assert await platform.show_video(mine) == str(target) == await platform.find(mine)
        assert target.read_bytes() == VIDEO
        assert terminal.shown(mine.spot) == []
