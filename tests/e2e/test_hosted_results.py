"""A finished video at the hosted providers, from its link to where it was asked for, and whatever is wrong with either."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import av
import pytest

from bot.wording import provider
from storage.contract import Job
from storage.states import State
from tests.e2e.hosted import FAKES, setting
from tests.e2e.shop import OFFERS, PRICES, Seen, Shop, everywhere, opened, shop
from tests.fakes.hosted import Fake, Fault, File
from tests.fakes.hosted_media import video

NOT_YET = "It is ready, but cannot be fetched yet; trying again"
NOT_HERE = "It is ready, but lies where this bot may not fetch from"


def delivered(name: str, *told: str) -> Seen:
    """Return what is seen of a video that came as it should."""
    return Seen(state=State.DELIVERED, told=told, used_usd_micros=PRICES[name], spent_usd_micros=PRICES[name])


def fetching(name: str, *told: str, detail: str) -> Seen:
    """Return what is seen while a video is there and cannot be had: it is billed, and still wanted."""
    return replace(delivered(name, *told), state=State.FETCHING, detail=detail)


def fetches(fake: Fake) -> list[Any]:
    """Return every request for a file."""
    return [each for each in fake.seen if each.path.startswith("/files/")]


def kept(there: Shop, job: Job) -> bytes:
    """Return the video that was kept and posted."""
    (post,) = there.board.posted()
    assert (post["job"], post["sha256"]) == (job.id, job.result)
    return there.bot.ports.blobs.path(cast("str", job.result)).read_bytes()


# -- links and downloads

DOWNLOADS: dict[str, tuple[tuple[Fault, ...], tuple[str, ...]]] = {
    "a link that has expired": ((Fault("expired"),), ()),
    "a download cut short": ((Fault("truncated"),), ()),
    "a download cut short again and again": ((Fault("truncated", times=3, after_bytes=4000),), ()),
    "503s": ((Fault("http_error", "fetch", 2),), ()),
    "503s for longer": ((Fault("http_error", "fetch", 7),), (NOT_YET,)),
    "resets for longer": ((Fault("reset", "fetch", 7),), (NOT_YET,)),
    "429s for longer": ((Fault("rate_limited", "fetch", 7),), (NOT_YET,)),
    "a slow server": ((Fault("hang", "fetch", seconds=0.2),), ()),
    "a file that ends too early": ((Fault("cut_video"),), ()),
}


@everywhere
@pytest.mark.parametrize("download", DOWNLOADS)
async def test_a_video_that_is_there_is_brought_whatever_the_download_does(
    download: str, name: str, tmp_path: Path
) -> None:
    """Fresh links, and the rest of what has begun to arrive; no key goes along, and it is posted and paid once."""
    faults, told = DOWNLOADS[download]
    async with shop(tmp_path, name) as there:
        there.fail(*map(replace, faults))
        job = await there.bot.until(await there.ask(), State.DELIVERED)
        assert await there.seen(job, *told) == delivered(name, *told)
        assert kept(there, job) == video(5, sound=True)
        assert there.fake.billed_usd_micros() == PRICES[name]
        assert not [each for each in fetches(there.fake) if "authorization" in each.headers]


async def test_a_download_that_was_cut_short_goes_on_where_it_ended(tmp_path: Path) -> None:
    """What has arrived is not fetched twice, also by the bot's next life."""
    with FAKES["aimlapi"].serving(tmp_path / "aimlapi") as fake:
        home = setting(tmp_path / "bot", fake)
        async with opened(home, fake) as there:
            job = await there.bot.until(await there.ask(), State.FETCHING)
            there.fail(Fault("truncated", times=9, after_bytes=1000))
            job = cast("Job", await there.bot.worker.step(job.id))
            arrived_bytes = 1000 * len(fetches(fake))
            assert (job.state, job.detail != "") == (State.FETCHING, True)
            fake.faults.clear()
        async with opened(home, fake) as there:
            job = await there.bot.until(job, State.DELIVERED)
            assert await there.seen(job, NOT_YET) == delivered("aimlapi", NOT_YET)
            assert kept(there, job) == video(5, sound=True)
        assert fetches(fake)[-1].headers["range"] == f"bytes={arrived_bytes}-"


NO_VIDEO = ("reported success, but no whole video came.", "Your limit was given back")


@everywhere
@pytest.mark.parametrize(
    ("fault", "content"),
    [(Fault("expired", times=999), None), (Fault("cut_video", times=999), None), (None, b"<html>Gone.</html>")],
    ids=["expired", "cut", "a page"],
)
async def test_links_that_never_give_a_whole_video_end_the_job_and_give_the_allowance_back(
    fault: Fault | None, content: bytes | None, name: str, tmp_path: Path
) -> None:
    """The provider bills what it calls a success, and the person reads that."""
    async with shop(tmp_path, name) as there:
        there.fail(*([] if fault is None else [replace(fault)]))
        there.fake.video = content
        job = await there.bot.until(await there.ask(), State.FAILED)
        told = (*NO_VIDEO, f"{provider(OFFERS[name])} charged ${PRICES[name] / 1_000_000:.2f} for it all the same")
        assert replace(await there.seen(job, *told), detail="", alerts=()) == Seen(
            state=State.FAILED, kind="no_output", told=told, spent_usd_micros=PRICES[name]
        )
        assert there.board.posted() == []


@everywhere
async def test_operators_hear_of_a_success_that_gave_no_whole_video_with_its_ticket(name: str, tmp_path: Path) -> None:
    """It was billed, and only they can take it up with the provider."""
    async with shop(tmp_path, name) as there:
        there.fail(Fault("cut_video", times=999))
        job = await there.bot.until(await there.ask(), State.FAILED)
        told = {alert.cause: alert.facts.get("ticket") for alert in await there.bot.store.alerts()}
        assert told == {f"no_output:{name}": job.ticket}


async def test_a_video_that_cannot_be_fetched_until_it_is_forgotten_ends_as_no_output(tmp_path: Path) -> None:
    """As long as the provider keeps it, it is tried again."""
    async with shop(tmp_path, "novita") as there:
        there.fail(Fault("http_error", "fetch", 9999))
        job = await there.bot.until(await there.ask(), State.FETCHING)
        for hours in (1, 24, 100):
            there.forward(hours)
            job = cast("Job", await there.bot.worker.step(job.id))
            assert job.state is State.FETCHING
        there.forward(7 * 24)
        job = await there.bot.until(job, State.FAILED)
        seen = await there.seen(job, *NO_VIDEO)
        assert (seen.kind, seen.told, seen.used_usd_micros, seen.spent_usd_micros) == (
            "no_output",
            NO_VIDEO,
            0,
            PRICES["novita"],
        )


# -- places that nobody trusts


@everywhere
async def test_a_video_at_an_address_that_nobody_trusts_waits_until_somebody_does(name: str, tmp_path: Path) -> None:
    """It is billed and not lost: the sentence says what to do, and once that is done it is delivered."""
    with FAKES[name].serving(tmp_path / name) as fake:
        home = setting(tmp_path / "bot", fake)
        async with opened(replace(home, settings=home.settings | {"trusted_hosts": ""}), fake) as there:
            job = await there.bot.until(await there.ask(), State.FETCHING)
            for _ in range(3):
                job = cast("Job", await there.bot.worker.step(job.id))
                there.forward(24)
            told = (
                NOT_HERE,
                "it lies where this bot may not fetch from (not https). If you know that place, name it in STILLMOTION_TRUSTED_HOSTS",
            )
            assert replace(await there.seen(job, *told), alerts=()) == fetching(
                name, *told, detail="the link is not allowed: not https"
            )
            assert fetches(fake) == []
        async with opened(home, fake) as there:
            job = await there.bot.until(job, State.DELIVERED)
            assert replace(await there.seen(job), alerts=()) == delivered(name)


PLACES = {
    "https://10.1.2.3/v.mp4": "private address",
    "https://127.0.0.1:1/v.mp4": "private address",
    "https://169.254.169.254/latest/meta-data": "private address",
    "https://[::1]/v.mp4": "private address",
    "https://[fd00::7]/v.mp4": "private address",
    "http://videos.example/v.mp4": "not https",
    "file:///etc/passwd": "not https",
}


@pytest.mark.parametrize(("link", "why"), PLACES.items())
async def test_a_link_into_a_private_network_is_never_followed_and_the_job_goes_on_with_the_next_link(
    link: str, why: str, tmp_path: Path
) -> None:
    """A provider that was broken into must not lead us home; a better link later is followed."""
    async with shop(tmp_path, "fal") as there:
        job = await there.bot.until(await there.ask(), State.FETCHING)
        made = there.fake.jobs[cast("str", job.ticket)]
        made.link, there.fake.files[link] = link, File(job=made)
        job = cast("Job", await there.bot.worker.step(job.id))
        told = f"it lies where this bot may not fetch from ({why})"
        assert replace(await there.seen(job, told), alerts=()) == fetching(
            "fal", told, detail=f"the link is not allowed: {why}"
        )
        assert job.due_in_ms == 300_000
        made.link = ""
        job = await there.bot.until(job, State.DELIVERED)
        assert replace(await there.seen(job), alerts=()) == delivered("fal")


async def test_operators_hear_that_a_paid_video_waits_at_a_place_that_is_not_trusted(tmp_path: Path) -> None:
    """They alone can name it in the settings, and the provider forgets the video."""
    async with shop(tmp_path, "fal", trusted_hosts="") as there:
        job = await there.bot.until(await there.ask(), State.FETCHING)
        await there.bot.worker.step(job.id)
        assert len(await there.bot.store.alerts()) == 1


# -- what came is a video, but another one


UNLIKE: dict[str, tuple[str, dict[str, str], Fault | None, str]] = {
    "fal, silent": ("wan2.5@fal", {}, Fault("silent"), " fal made it without sound."),
    "aimlapi, silent": ("wan2.5@aimlapi", {}, Fault("silent"), " AI/ML API made it without sound."),
    "novita, silent": ("wan2.6@novita", {}, Fault("silent"), " Novita made it without sound."),
    "novita, sound unasked": ("wan2.6@novita", {"sound": "off"}, None, " Novita made it with sound nobody asked for."),
    "fal, shorter": ("wan2.5@fal", {}, Fault("wrong_length", seconds=3), " fal made it of another length (3.0 s)."),
    "novita, longer": (
        "wan2.6@novita",
        {"sound": "on"},
        Fault("wrong_length", seconds=8),
        " Novita made it of another length (8.0 s).",
    ),
}


@pytest.mark.parametrize(("offer", "options", "fault", "told"), UNLIKE.values(), ids=UNLIKE)
async def test_a_video_that_is_not_quite_what_was_asked_for_is_delivered_and_said_to_be_so(
    offer: str, options: dict[str, str], fault: Fault | None, told: str, tmp_path: Path
) -> None:
    """It is paid for, and better than none."""
    name = offer.partition("@")[2]
    async with shop(tmp_path, name) as there:
        there.fake.video = video(5, sound=True) if fault is None else None
        there.fail(*([] if fault is None else [replace(fault)]))
        job = await there.bot.until(await there.ask(model=offer, options=options), State.DELIVERED)
        seen = await there.seen(job, told)
        assert replace(seen, detail="") == delivered(name, told)
        assert told.removesuffix(".") in f" {there.board.posted()[0]['text']}"


@pytest.mark.parametrize("offer", ["wan2.6@novita", "wan2.1@novita"])
async def test_a_silent_video_that_was_to_be_silent_is_told_nothing_of(offer: str, tmp_path: Path) -> None:
    """Wan 2.1 makes no sound at all."""
    async with shop(tmp_path, "novita", "fal") as there:
        options = {"sound": "off"} if offer == "wan2.6@novita" else {}
        job = await there.bot.until(await there.ask(model=offer, options=options), State.DELIVERED)
        assert "made it" not in there.board.posted()[0]["text"]
        with av.open(str(there.bot.ports.blobs.path(cast("str", job.result)))) as container:
            assert not container.streams.audio


@everywhere
async def test_b25_a_video_with_its_index_last_is_posted_with_its_index_first(name: str, tmp_path: Path) -> None:
    """Its pictures and sound are copied as they are, and the hash of what the provider made is on record."""
    async with shop(tmp_path, name) as there:
        there.fail(Fault("index_last"))
        job = await there.bot.until(await there.ask(), State.DELIVERED)
        original, posted = video(5, sound=True, index_first=False), kept(there, job)
        assert original.index(b"mdat") < original.index(b"moov")
        assert posted.index(b"moov") < posted.index(b"mdat")
        assert packets(posted, tmp_path) == packets(original, tmp_path)
        sha256 = hashlib.sha256(original).hexdigest()
        seen = await there.seen(job, "cost $")
        assert seen == replace(delivered(name, "cost $"), detail=f"index moved to the front of {sha256}")
        assert there.bot.ports.blobs.path(sha256).read_bytes() == original


def packets(whole: bytes, folder: Path) -> list[tuple[int, int | None, bytes]]:
    """Return everything that is in a video's streams, undecoded."""
    path = folder / "packets.mp4"
    path.write_bytes(whole)
    with av.open(path) as container:
        return [(packet.stream_index, packet.pts, bytes(packet)) for packet in container.demux() if packet.size]
