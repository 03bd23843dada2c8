"""`usage`, `limits` and `scopes`: what was used, what may be used, and where."""

from __future__ import annotations

import contextlib
import csv
import io
import re

from bot import wording
from bot.app import open_store
from bot.commands import views
from bot.commands.console import Exit, Stop, say, show, show_json, show_rows
from bot.settings import Settings
from bot.wording import quoted
from storage.contract import Facts, Move, Rule, Store, Usage
from storage.errors import Stale, Unknown
from storage.limits import BadAmount, parse_amount, parse_limits
from storage.states import Event
from storage.windows import DAY_MS, HOUR_MS

SUBJECT = re.compile(r"(user|role|channel|scope):[a-z]+/\S+")
_SCOPE = re.compile(r"[a-z]+/\S+")
_AMOUNTS = "like 5/day, 60s/week, $20/month or 3/24h, several with commas, or none"
_BY = ("user", "channel", "scope", "offer", "day")
_BOOKS = ("allowance", "spend")


async def usage(settings: Settings, since: str, by: str, book: str, *, form: str) -> Exit:
    """Sum a book."""
    if by not in _BY:
        raise Stop(Exit.REFUSED, "argument", f"--by takes {', '.join(_BY[:-1])} or {_BY[-1]}, not {quoted(by)}.")
    if book not in _BOOKS:
        raise Stop(Exit.REFUSED, "argument", f"--book takes {' or '.join(_BOOKS)}, not {quoted(book)}.")
    store = open_store(settings)
    try:
        lines = await store.usage(book=book, by=by, since_ms=_since_ms(since))
    finally:
        await store.close()
    found = [line for line in lines if line.videos or line.seconds or any(_dollars_of(line))]
    if form == "json":
        show_json([_usage_document(by, each) for each in found])
    elif form == "csv":
        show(_csv(by, found).rstrip("\n"))
    elif not found:
        say("Nothing was used in that time.")
    else:
        show_rows(
            [by.upper(), "VIDEOS", "SECONDS", "USD", "RESERVED USD", "ASSUMED USD"],
            [_usage_row(each) for each in found],
        )
    return Exit.DONE


def _since_ms(text: str) -> int:
    match = re.fullmatch(r"(\d{1,5})([dh])", text)
    if match is None:
        raise Stop(Exit.REFUSED, "argument", f"--since takes a length of time like 30d or 24h, not {quoted(text)}.")
    return int(match[1]) * (DAY_MS if match[2] == "d" else HOUR_MS)


def _usage_document(by: str, used: Usage) -> dict[str, object]:
    return {
        by: used.key,
        "videos": used.videos,
        "seconds": used.seconds,
        "usd": views.dollars(used.usd_micros),
        "reserved_usd": views.dollars(used.reserved_usd_micros),
        "assumed_usd": views.dollars(used.assumed_usd_micros),
    }


def _usage_row(used: Usage) -> list[str]:
    return [used.key, str(used.videos), str(used.seconds), *(f"{each / 1_000_000:.2f}" for each in _dollars_of(used))]


def _dollars_of(used: Usage) -> tuple[int, int, int]:
    return used.usd_micros, used.reserved_usd_micros, used.assumed_usd_micros


def _csv(by: str, found: list[Usage]) -> str:
    """Return rows for a spreadsheet, which must not take a name for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([by, "videos", "seconds", "usd", "reserved_usd", "assumed_usd"])
    for used in found:
        key = f"'{used.key}" if used.key[:1] in {"=", "+", "-", "@"} else used.key
        writer.writerow([key, used.videos, used.seconds, *(m / 1_000_000 for m in _dollars_of(used))])
    return out.getvalue()


async def limits(settings: Settings, verb: str, subject: str | None, amount: str | None, *, as_json: bool) -> Exit:
    """Show, set, clear or raise once the limits of a subject."""
    if verb not in {"show", "set", "clear", "grant"}:
        raise Stop(Exit.REFUSED, "argument", f"limits takes show, set, clear or grant, not {quoted(verb)}.")
    if verb != "show" or subject is not None:
        subject = _checked_subject(subject)
    store = open_store(settings)
    try:
        told = None if subject is None else await _ruled(store, settings, verb, subject, amount)
        if told is None or as_json:
            await _show_limits(settings, await store.limits(subject), as_json=as_json)
        else:
            say(told)
    except Unknown as unknown:
        raise Stop(
            Exit.REFUSED,
            "argument",
            f"{unknown} has no limit that counts in that unit, so there is nothing to raise. Set one first.",
        ) from unknown
    finally:
        await store.close()
    return Exit.DONE


async def _ruled(store: Store, settings: Settings, verb: str, subject: str, amount: str | None) -> str | None:
    """Do what the verb says, and return what was done."""
    match verb:
        case "set":
            await store.set_limits(subject, _checked_limits(amount))
            return f"{subject} now has {amount}."
        case "clear":
            had = await store.clear_limits(subject)
            return f"{subject} has no limits of its own any more." if had else f"{subject} had no limits of its own."
        case "grant":
            granted = _checked_amount(amount)
            raised = await store.grant(subject, granted, rules=settings.rules)
            return f"{subject} may use {wording.counted(granted)} more, once, on top of {', '.join(raised)}."
    return None


async def _show_limits(settings: Settings, found: list[Rule], *, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "default": {
                    "user": settings.user_limit,
                    "user_max_open": settings.user_max_open,
                    "timezone": settings.timezone,
                },
                "rows": [
                    {"subject": r.subject, "limits": r.limits or None, "set_by": r.set_by, "grants": list(r.grants)}
                    for r in found
                ],
            },
        )
        return
    show_rows(
        ["SUBJECT", "LIMITS", "SET BY", "GRANTED"],
        [
            ["everyone else", settings.user_limit, "settings", ""],
            *([r.subject, r.limits or "(the default)", r.set_by, " ".join(r.grants)] for r in found),
        ],
    )


def _checked_subject(subject: str | None) -> str:
    if subject is None or not SUBJECT.fullmatch(subject):
        raise Stop(
            Exit.REFUSED,
            "argument",
            "Name whom it is about, as user:, role:, channel: or scope: and PLATFORM/ID, like user:cli/alice.",
        )
    return subject


def _checked_limits(amount: str | None) -> str:
    if amount is None:
        raise Stop(Exit.REFUSED, "argument", f"Say how much, {_AMOUNTS}.")
    try:
        parse_limits(amount)
    except BadAmount as bad:
        raise Stop(Exit.REFUSED, "argument", f"{quoted(str(bad))} is no limit; write it {_AMOUNTS}.") from bad
    return amount


def _checked_amount(amount: str | None) -> str:
    if amount is None:
        raise Stop(Exit.REFUSED, "argument", "Say how much more: 3 (videos), 30s or $5.")
    try:
        parse_amount(amount)
    except BadAmount as bad:
        raise Stop(
            Exit.REFUSED, "argument", f"{quoted(str(bad))} is nothing to grant; write 3 (videos), 30s or $5."
        ) from bad
    return amount


async def scopes(settings: Settings, verb: str | None, scope: str | None, approvals: str | None) -> Exit:
    """Show where the bot may work, allow or deny a scope, and switch approvals there."""
    store = open_store(settings)
    try:
        if verb is None:
            rows = [
                [s.scope.removeprefix("scope:"), "allowed" if s.allowed else "denied", "on" if s.approvals else "off"]
                for s in await store.scopes()
            ]
            show_rows(["SCOPE", "STATE", "APPROVALS"], rows) if rows else say("No scope was allowed or denied yet.")
            return Exit.DONE
        _check_scope(verb, scope, approvals)
        ending = await store.set_scope(
            f"scope:{scope}", allowed=verb == "allow", approvals=None if approvals is None else approvals == "on"
        )
        for job_id in ending:
            await _cancel(store, job_id)
    finally:
        await store.close()
    ended = f" Its {wording.jobs(len(ending))} were cancelled; what cannot stop goes on." if ending else ""
    say(f"{scope} is {'allowed' if verb == 'allow' else 'denied'}.{ended}")
    return Exit.DONE


def _check_scope(verb: str, scope: str | None, approvals: str | None) -> None:
    if verb not in {"allow", "deny"}:
        raise Stop(Exit.REFUSED, "argument", f"scopes takes allow or deny, not {quoted(verb)}.")
    if scope is None or not _SCOPE.fullmatch(scope):
        raise Stop(Exit.REFUSED, "argument", "Name a server or workspace as PLATFORM/ID, like discord/1234.")
    if approvals not in {None, "on", "off"}:
        raise Stop(Exit.REFUSED, "argument", f"--approvals takes on or off, not {quoted(approvals)}.")


async def _cancel(store: Store, job_id: str) -> None:
    """Cancel a job of a denied scope; one that came too far goes on."""
    job = await store.job(job_id)
    with contextlib.suppress(Stale):
        await store.record(Move(job=job_id, expected=job.state, event=Event.CANCEL, facts=Facts(by="operator")))
