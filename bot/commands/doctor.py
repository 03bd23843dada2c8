"""`doctor`: is everything here fit for work, and if not, who must do what."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import av

from bot import wording
from bot.app import open_store
from bot.commands import chats
from bot.commands.accounts import accounts, public_address
from bot.commands.alerts import ACCOUNT, sentence
from bot.commands.console import Exit, show, show_json
from bot.commands.findings import Finding
from bot.commands.offers import catalogue
from bot.remarks import remarks
from bot.settings import Settings
from bot.worker import FREE_FLOOR_BYTES
from storage.errors import StorageError

_CODECS = ("libx264", "aac", "libmp3lame")
_WORTH_SAYING_BYTES = 1_000_000_000


async def doctor(found: Settings, *, as_json: bool, probes: bool = False) -> Exit:
    """Look at settings, store, media, disk, codecs, offers, accounts, the public address and Discord."""
    asked, working = await accounts(found, probes=probes)
    here = [*_settings(), *await _store(found, working), *_media(found), *_disk(found), *_codecs(), *_offers(found)]
    findings = [*here, *public_address(found), *asked, *await chats.discord(found)]
    faulty = any(finding.state == "fault" for finding in findings)
    if as_json:
        show_json({"ok": not faulty, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            show(f"{finding.state:<6}{finding.part:<10}{finding.message}")
    return Exit.CONFIGURATION if faulty else Exit.DONE


def _settings() -> Iterator[Finding]:
    found = remarks()
    yield from (Finding("settings", "note", remark) for remark in found)
    if not found:
        yield Finding("settings", "ok", "read")


async def _store(found: Settings, working: Sequence[str]) -> list[Finding]:
    """Look at the database and what operators were to hear; trouble with an account that works again is forgotten."""
    try:
        store = await asyncio.to_thread(open_store, found)
    except StorageError as error:
        return [Finding("store", "fault", str(error))]
    try:
        for cause, name in product(ACCOUNT, working):
            await store.unwarn(f"{cause}:{name}")
        wrong, alerts = await store.check(), await store.alerts()
    finally:
        await store.close()
    if wrong is not None:
        return [Finding("store", "fault", f"{found.database} is damaged ({wrong}). Stop the bot and restore a backup.")]
    told = [Finding("alert", "note", sentence(alert, ZoneInfo(found.timezone))) for alert in alerts]
    return [Finding("store", "ok", str(found.database)), *told]


def _media(found: Settings) -> Iterator[Finding]:
    folder = _nearest(found.media)
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            "media",
            "fault",
            f"{found.media} cannot be written by user id {os.geteuid()}: {folder} lacks write permission. Give it to that user.",
        )
    else:
        yield Finding("media", "ok", str(found.media))


def _nearest(folder: Path) -> Path:
    """Return the folder, or the closest one above it that exists."""
    return folder if folder.is_dir() or folder == folder.parent else _nearest(folder.parent)


def _disk(found: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(_nearest(found.database.parent)).free
    if free < FREE_FLOOR_BYTES:
        yield Finding(
            "disk",
            "fault",
            f"Only {wording.size(free)} are free; nothing is submitted below {wording.size(FREE_FLOOR_BYTES)}. Make room.",
        )
    else:
        yield Finding("disk", "note" if free < _WORTH_SAYING_BYTES else "ok", f"{wording.size(free)} free")


def _codecs() -> Iterator[Finding]:
    missing = [name for name in _CODECS if name not in av.codecs_available]
    if missing:
        yield Finding("codecs", "fault", f"PyAV lacks {', '.join(missing)}. Install the av package from its wheel.")
    else:
        yield Finding("codecs", "ok", ", ".join(_CODECS))


def _offers(found: Settings) -> Iterator[Finding]:
    for offer in catalogue(found).offers.values():
        yield Finding(
            "offer",
            "ok" if offer.off is None else "note",
            offer.name if offer.off is None else f"{offer.name} is off: {offer.off}",
        )
        if offer.off is None and offer.mute is not None:
            yield Finding("offer", "note", f"{offer.name} takes no sound here: {offer.mute}")
