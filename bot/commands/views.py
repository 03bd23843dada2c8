"""Jobs, offers and usage as JSON documents and as lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot import wording
from bot.catalogue import Offer
from providers.kit.provider import Provider
from providers.kit.spec import Choice, Loras, Number, Option, Spec, Text, Whole
from storage.contract import Job, Trail


def instant(at_ms: int) -> str:
    """Return a time as JSON carries it: UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(at_ms: int, zone: ZoneInfo) -> str:
    """Return a time as a person reads it."""
    return datetime.fromtimestamp(at_ms / 1000, zone).strftime("%d %b %H:%M:%S")


def dollars(usd_micros: int | None) -> float | None:
    return None if usd_micros is None else usd_micros / 1_000_000


def job_document(job: Job, trail: Sequence[Trail]) -> dict[str, Any]:
    """Return a job as `job --json` prints it."""
    return {
        "id": job.id,
        "state": job.state,
        "failure": job.failure,
        "offer": job.offer,
        "ticket": job.ticket,
        "requester": job.subjects.user,
        "place": asdict(job.place),
        "cost_usd": dollars(job.cost_usd_micros),
        "seed": job.seed,
        "actual_prompt": job.actual_prompt,
        "created_at": instant(job.created_at_ms),
        "events": [
            {
                "at": instant(each.at_ms),
                "event": each.event,
                "from": each.source or None,
                "to": each.target,
                "detail": each.detail or None,
            }
            for each in trail
        ],
    }


def job_row(job: Job, zone: ZoneInfo) -> list[str]:
    """Return a job as one line of a list."""
    state = job.state if job.failure is None else f"{job.state} ({job.failure})"
    prompt = wording.cut(job.request.get("prompt", ""), 48)
    return [job.id, state, job.offer, clock(job.created_at_ms, zone), job.subjects.user.removeprefix("user:"), prompt]


def job_lines(job: Job, trail: Sequence[Trail], zone: ZoneInfo) -> list[str]:
    """Return a job and its history as a page for a person."""
    place = " ".join(filter(None, (job.place.platform, job.place.server, job.place.channel, job.place.thread)))
    options = ", ".join(f"{name} {value}" for name, value in job.request.get("options", {}).items())
    facts = {
        "prompt": wording.cut(job.request.get("prompt", ""), 200),
        "offer": f"{job.offer}, {job.seconds} s{options and ', '}{options}",
        "by": job.subjects.user.removeprefix("user:"),
        "place": place,
        "ticket": job.ticket or "",
    }
    return [
        f"{job.id}  {job.state}" + (f" ({job.failure})" if job.failure else ""),
        *(f"  {name:<8}{fact}" for name, fact in facts.items() if fact),
        *(f"  {clock(each.at_ms, zone)}  {each.event:<16}{each.target}{_detail(each)}" for each in trail),
    ]


def _detail(line: Trail) -> str:
    """Return what a line of the history adds; facts that only code reads are left out."""
    return f"  {wording.cut(line.detail, 100)}" if line.detail and not line.detail.startswith("{") else ""


JOB_HEAD = ["ID", "STATE", "OFFER", "ASKED", "BY", "PROMPT"]


def offer_document(offer: Offer) -> dict[str, Any]:
    """Return an offer as `offers --json` prints it."""
    spec = offer.spec
    return {
        "offer": offer.name,
        "label": spec.label,
        "on": offer.off is None,
        "why_off": offer.off,
        "why_no_sound": offer.mute,
        "note": spec.note or None,
        "options": [option_document(option) for option in spec.options],
        "prompt": {"max_chars": spec.prompt_max_chars, "required": spec.prompt_required},
        "image": asdict(spec.image),
        "audio": None if spec.audio is None else asdict(spec.audio),
        "prices": {
            "usd_per_s": {size: dollars(price) for size, price in offer.price.usd_micros_per_s.items()},
            "corrected_usd": {
                size: {str(s): dollars(usd) for s, usd in lengths.items()} for size, lengths in offer.corrected.items()
            },
            "half_with": offer.price.halved_by,
            "source": offer.price.source,
            "read_on": offer.price.read_on.isoformat(),
        },
        "abilities": abilities(offer.provider, spec),
        "in_flight": offer.bound,
        "deadline_s": offer.deadline_s,
        "retention_s": spec.retention_s,
    }


def abilities(provider: Provider, spec: Spec) -> list[str]:
    """Return what an offer can do beyond making a video."""
    found = {
        "sound": spec.always_sounds or spec.option("sound") is not None,
        "audio input": spec.audio is not None,
        "cancel": provider.cancel is not None,
        "webhook": spec.webhook,
        "reconcile": provider.reconcile is not None,
        "renders here": spec.renders_here,
    }
    return [name for name, can in found.items() if can]


def option_document(option: Option) -> dict[str, Any]:
    """Return an option with its values or bounds."""
    document: dict[str, Any] = {
        "name": option.name,
        "type": type(option).__name__.lower(),
        "default": option.default,
        "audience": option.audience,
        "help": option.help,
    }
    match option:
        case Choice(values=values, unit=unit):
            document |= {"values": list(values), "unit": unit or None}
        case Whole(low=low, high=high) | Number(low=low, high=high):
            document |= {"low": low, "high": high}
        case Text(max_chars=max_chars):
            document |= {"max_chars": max_chars}
        case Loras(most=most, low=low, high=high):
            document |= {"most": most, "low": low, "high": high}
    return document
