"""A bot with the keys of some stand-ins, and what is seen of its jobs: by their person, by operators, in both books, at the provider."""

from __future__ import annotations

import socket
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
import trustme
from PIL import Image

from bot import prices, refusing, replies
from bot.app import _lenders
from bot.breaker import Breakers
from bot.download import Downloader
from bot.guard import GuardedBackend, TrustedHosts
from bot.intake import Intake
from bot.network import Network, _certificates
from bot.pace import Paces
from bot.publishing import Publisher
from bot.refusals import Refused
from bot.worker import Worker
from storage.contract import Job
from storage.states import State
from tests.chaos.harness import Bot, Clock, Setting, started
from tests.e2e.hosted import FAKES, setting
from tests.fakes.backends import Sqlite
from tests.fakes.fal import FalFake
from tests.fakes.hosted import Fake, Fault
from tests.fakes.platform import Board

HOUR_MS = 3_600_000
OFFERS = {"fal": "wan2.5@fal", "aimlapi": "wan2.5@aimlapi", "novita": "wan2.6@novita"}
"""At each provider one offer that takes its picture inside the body."""
PRICES = {"fal": 500_000, "aimlapi": 600_000, "novita": 500_000}
"""What a video of 5 s in 720p costs there."""
everywhere = pytest.mark.parametrize("name", list(OFFERS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is seen of a job: by its person, by operators, in both books, and at the provider."""

    state: State
    kind: str | None = None
    told: tuple[str, ...] = ()
    detail: str = ""
    alerts: tuple[str, ...] = ()
    used_usd_micros: int = 0
    spent_usd_micros: int = 0
    paid_calls: int = 1


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A bot with the keys of some stand-ins."""

    bot: Bot
    fakes: tuple[Fake, ...]

    @property
    def fake(self) -> Fake:
        return self.fakes[0]

    @property
    def board(self) -> Board:
        return cast("Board", self.bot.setting.platform)

    def fail(self, *faults: Fault) -> None:
        """Let these go wrong at the first provider."""
        self.fake.faults += faults

    def forward(self, hours: float) -> None:
        cast("Clock", self.bot.setting.clock).forward(hours * HOUR_MS)

    async def ask(self, number: int = 1, **changes: Any) -> Job:
        """Ask at the first provider, unless told where."""
        return await self.bot.ask(number, **{"model": OFFERS[self.fake.prefix]} | changes)

    async def seen(self, job: Job, *telling: str) -> Seen:
        """Return what is seen of a job; `told` is what was asked for if a person can read all of it, else all there is to read.

        Neither the prompt nor a key is anywhere where operators read.
        """
        now, alerts = await self.bot.store.job(job.id), await self.bot.store.alerts()
        kept = repr((now.detail, alerts, await self.bot.store.trail(job.id)))
        assert not [secret for secret in (now.request["prompt"], *(fake.key for fake in self.fakes)) if secret in kept]
        page = [*self.board.told, *(each.text for each in self.board.shown), replies.ended(now)]
        inside = Sqlite().inside(self.bot.setting.folder, job.id)
        return Seen(
            state=now.state,
            kind=now.failure,
            told=telling if all(any(part in said for said in page) for part in telling) else tuple(page),
            detail=now.detail,
            alerts=tuple(sorted(alert.cause.replace(job.id, "ID") for alert in alerts)),
            used_usd_micros=inside.used_usd_micros,
            spent_usd_micros=inside.spent_usd_micros,
            paid_calls=sum(len(fake.paid()) for fake in self.fakes),
        )

    async def refusal(self, **changes: Any) -> str:
        """Ask for what is refused; the sentence that a person reads, nothing having been stored or sent."""
        with pytest.raises(Refused) as refused:
            await self.ask(**changes)
        assert await self.bot.store.jobs() == []
        assert [fake.paid() for fake in self.fakes] == [[] for _ in self.fakes]
        return refusing.refusal(refused.value, self.bot.setting.clock(), ZoneInfo("UTC"))


class Hasty(Network):
    """A way out whose downloads are tried as often as ever, without a pause in between."""

    @cached_property
    def downloader(self) -> Downloader:
        trusted = TrustedHosts.parse(self._settings.trusted_hosts)
        return Downloader(GuardedBackend(trusted), _certificates(), self._proxies, pauses_s=(0.0,) * 5)


@cache
def authority() -> bytes:
    """Return a certificate that nobody uses."""
    return trustme.CA().cert_pem.bytes()


def few_authorities(folder: Path) -> Path:
    """Write down who is trusted: reading all that a machine trusts takes longer than most tests."""
    path = folder / "authorities.pem"
    path.write_bytes(authority())
    return path


@asynccontextmanager
async def opened(there: Setting, *fakes: Fake) -> AsyncIterator[Shop]:
    """Start a bot there as the app does: prices are read, and fal's storage lends links where there is a key to it."""
    async with AsyncExitStack() as stack:
        environ = stack.enter_context(pytest.MonkeyPatch.context())
        environ.setenv("SSL_CERT_FILE", str(few_authorities(there.folder)))
        hasty = Hasty(there.loaded, {})
        stack.push_async_callback(hasty.close)
        bot = await stack.enter_async_context(started(there))
        publisher = Publisher(bot.ports.links, None, _lenders(bot.ports.catalogue))
        breakers, paces = Breakers(lambda: there.clock() / 1000), Paces(bot.store, lambda: there.clock() / 1000)
        ports = replace(bot.ports, publisher=publisher, network=hasty, breakers=breakers, paces=paces)
        await prices.refresh(ports.catalogue)
        worker = Worker(ports, lease_s=there.lease_s, free_floor_bytes=0)
        yield Shop(bot=replace(bot, ports=ports, intake=Intake(ports), worker=worker), fakes=fakes)


@asynccontextmanager
async def shop(folder: Path, *names: str, **given: Any) -> AsyncIterator[Shop]:
    """Open a bot that buys at these providers' stand-ins."""
    with ExitStack() as stack:
        fakes = [stack.enter_context(FAKES[name].serving(folder / name)) for name in names]
        async with opened(setting(folder / "bot", *fakes, **given), *fakes) as there:
            yield there


def fal_of(there: Shop) -> FalFake:
    """Return fal's stand-in."""
    return next(fake for fake in there.fakes if isinstance(fake, FalFake))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def drawn(folder: Path, width: int, height: int, *, mode: str = "RGB") -> Path:
    """Draw a PNG; where the mode has room for it, parts of it are see-through."""
    path, grey = folder / f"{mode}-{width}x{height}.png", Image.radial_gradient("L").resize((width, height))
    image = Image.merge("LA", (grey, grey)) if mode == "LA" else grey.convert(mode)
    image.save(path)
    return path


def spoken(folder: Path, seconds: float) -> Path:
    """Record a WAV that is not silent."""
    path = folder / f"{seconds}-s.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join((at % 200 * 60).to_bytes(2, "little") for at in range(round(seconds * 8000))))
    return path
