"""What a limit or a budget means in money, at the price of a usual video."""

from __future__ import annotations

from bot import refusing, sayings
from bot.language import later, tr, trn
from bot.ports import Ports
from bot.refusals import Refused
from bot.router import Candidate, Preferences, Wish, candidates
from bot.wording import money, together
from storage.limits import Amount, Limit, Unit, Window, write_limits

_SIDE_PX = 1000


def usual(ports: Ports) -> Candidate | None:
    """Return the offer that a request without any wishes goes to, or None where none is on or priced."""
    wish = Wish(
        prompt="a", model=None, options={}, has_audio=False, width=_SIDE_PX, height=_SIDE_PX, is_admin=False, is_operator=False
    )  # fmt: skip
    preferences = Preferences(default_model=ports.settings.default_model)
    try:
        found = candidates(ports.catalogue, wish, preferences)
    except Refused:
        return None
    return next((each for each in found if each.usd_micros), None)


def of_limits(
    ports: Ports, limits: tuple[Limit, ...], kind: str, members: int | None, allowed: tuple[Limit, ...] = ()
) -> str:
    """Return what a set of limits allows at most: `30 members, up to $75.00 a day at wan2.5, 720p, 5 s.`

    A role's limit is each member's, as many as there are; a channel's and a scope's is one for all who ask there.
    Where operators allow less in the same time, that counts.
    """
    limits = tuple(_least(limit, allowed) for limit in limits)
    of_each = ", ".join(filter(None, [_most(ports, limit, 1) for limit in limits]))
    if not of_each:
        return ""
    if kind != "role":
        return tr(_FOR_ALL.get(kind, _FOR_ONE), found=of_each)
    if members is None:
        return tr("For each member: up to {found}.", found=of_each)
    if members == 0:
        return tr("Nobody has this role yet. For each member: up to {found}.", found=of_each)
    found = ", ".join(filter(None, [_most(ports, limit, members) for limit in limits]))
    return trn("{number} member, up to {found}.", "{number} members, up to {found}.", members, found=found)


def _least(limit: Limit, allowed: tuple[Limit, ...]) -> Limit:
    """Return the lower of a limit and those that count the same in the same time."""
    alike = [each for each in allowed if (each.amount.unit, each.window) == (limit.amount.unit, limit.window)]
    return min([limit, *alike], key=lambda each: each.amount.number)


_FOR_ONE = later("Up to {found}.")
_FOR_ALL = {
    "channel": later("For all in this channel together: up to {found}."),
    "scope": later("For all in this server together: up to {found}."),
}


def _most(ports: Ports, limit: Limit, members: int) -> str:
    """Return what a limit may cost for so many; nothing where it allows nothing, or nobody knows."""
    per, number = refusing.per(limit.window.name), limit.amount.number * members
    if not number:
        return ""
    if limit.amount.unit is Unit.USD:
        return f"{money(number)} {per}"
    found = usual(ports)
    if found is None or found.usd_micros is None:
        return ""
    length_s = int(found.options["duration"])
    videos = number if limit.amount.unit is Unit.VIDEOS else number / length_s
    return tr("{price} {per} at {video}", price=money(round(videos * found.usd_micros)), per=per, video=_video(found))


def _video(found: Candidate) -> str:
    return f"{found.offer.spec.model}, {found.options['resolution']}, {found.options['duration']} s"


def of_budget(ports: Ports, usd_micros: int, allowed_usd_micros: int | None) -> str:
    """Return how many usual videos a month's budget pays for; where operators allow less, that and what it pays for."""
    if allowed_usd_micros is None or allowed_usd_micros >= usd_micros:
        return _pays_for(ports, usd_micros)
    less = Limit(Amount(Unit.USD, allowed_usd_micros), Window("month"))
    return together(as_well((less,)), _pays_for(ports, allowed_usd_micros))


def as_well(allowed: tuple[Limit, ...]) -> str:
    """Return that what operators allow holds beside an admin's order, and how much that is where it is known."""
    if not allowed:
        return tr("What the people who run this bot allow holds as well.")
    limits = sayings.spoken(write_limits(allowed))
    return tr("The people who run this bot allow {limits}; that holds as well.", limits=limits)


def _pays_for(ports: Ports, usd_micros: int) -> str:
    found = usual(ports)
    if found is None or not found.usd_micros:
        return tr("It counts what providers bill.")
    videos = usd_micros // found.usd_micros
    if not videos:
        return tr("That is less than one video costs at {video}.", video=_video(found))
    return trn(
        "That is about {number} video at {video}.",
        "That is about {number} videos at {video}.",
        videos,
        video=_video(found),
    )
