"""What an order's words say: whom it is about and how much; where they say nothing, what would."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bot.language import later, tr, trn
from bot.platforms.contract import Message, Order
from bot.sayings import plain
from bot.wording import cut, quoted
from storage.limits import BadAmount, BadWindow, Limit, Unit, parse_amount, parse_limits, write_limits

_SUBJECT = re.compile(r"(user|role|channel|scope):([a-z]+)/(\S+)")
LIFTED = frozenset({"", "none", "off"})
MONTH = "/month"
MOST_NAMES, _NAME_CHARS = 8, 30


class Wrong(Exception):
    """An order cannot be done as it was written; the message is for whoever gave it."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.head)
        self.message = message


def hand(order: Order) -> str:
    """Return in whose name rows are set: an operator's go further than this scope."""
    return "operator" if order.is_operator else f"scope:{order.scope}"


def subject_of(order: Order) -> str:
    """Return whom an order is about: the scope where nobody is named, never another scope or platform."""
    named = order.words.get("subject", "") or f"scope:{order.scope}"
    match = _SUBJECT.fullmatch(named)
    platform = order.scope.partition("/")[0]
    other_scope = named.startswith("scope:") and named != f"scope:{order.scope}"
    if match is None or match[2] != platform or other_scope:
        raise Wrong(plain(tr("That is nobody of this server."), tr("Name a member, a role, a channel or the server.")))
    return named


def kind_of(subject: str) -> str:
    """Return what a subject is: a user, a role, a channel or a scope."""
    return subject.partition(":")[0]


def user_of(order: Order) -> str:
    """Return the member an order is about."""
    user = order.words.get("user", "")
    if not user.startswith(f"{order.scope.partition('/')[0]}/"):
        raise Wrong(plain(tr("Name a member of this server.")))
    return user


def name_of(order: Order, subject: str) -> str:
    """Return how people call whom an order is about."""
    return _own_name(order, subject) or tr("this server")


def starting(order: Order, subject: str) -> str:
    """Return the same as a sentence begins with it."""
    return _own_name(order, subject) or tr("This server")


def _own_name(order: Order, subject: str) -> str:
    return order.words.get("name") or ("" if subject.startswith("scope:") else subject.partition("/")[2])


def members(order: Order) -> int | None:
    """Return how many people it concerns, where the platform knows."""
    text = order.words.get("members", "")
    return int(text) if text.isdecimal() and len(text) < 9 else None


def is_on(order: Order) -> bool:
    """Tell whether an order switches something on; it does where nothing is said."""
    return order.words.get("switch", "on") in {"on", "yes", "true"}


def limits_of(text: str) -> tuple[Limit, ...]:
    """Return the limits that were written."""
    try:
        return parse_limits(text)
    except BadWindow as bad:
        head = tr("{bad} is no time that a limit can hold for.", bad=quoted(str(bad)))
        raise Wrong(plain(head, tr("Use day, week or month, or hours like 24h."))) from None
    except BadAmount as bad:
        head = tr("{bad} is no limit.", bad=quoted(str(bad)))
        raise Wrong(plain(head, tr("Write it like 5/day, 60s/week, $20/month, or none."))) from None


def amount_of(text: str) -> str:
    """Return what is granted."""
    try:
        return str(parse_amount(text))
    except BadAmount as bad:
        raise Wrong(
            plain(tr("{bad} is nothing to grant.", bad=quoted(str(bad))), tr("Write 3 for videos, 30s or $5."))
        ) from None


def dollars_of(text: str) -> str:
    """Return a month's dollars as a limit writes them, empty where the budget is lifted."""
    plainly = text.strip().lower().removesuffix(MONTH)
    if plainly in LIFTED:
        return ""
    try:
        return str(parse_amount(f"${plainly.removeprefix('$')}"))
    except BadAmount:
        raise Wrong(
            plain(tr("{text} is no budget.", text=quoted(text)), tr("Write dollars a month like $50, or none."))
        ) from None


def has_dollars(limits: tuple[Limit, ...]) -> bool:
    """Tell whether any limit is in dollars."""
    return any(limit.amount.unit is Unit.USD for limit in limits)


def only(limits: str | None, *, dollars: bool) -> tuple[Limit, ...]:
    """Return the limits of a set that are in dollars, or those that are not."""
    found = () if limits is None else parse_limits(limits)
    return tuple(limit for limit in found if (limit.amount.unit is Unit.USD) is dollars)


def row_of(limits: tuple[Limit, ...], before: str | None) -> str | None:
    """Return what a scope's limits are kept as; None where there are none, but a scope that was freed of all stays free."""
    return write_limits(limits) if limits or before == write_limits(()) else None


_NAME_ONE = {
    "channel": later("Name a channel to add or remove, or allow all."),
    "role": later("Name a role to add or remove, or allow all."),
    "model": later("Name a model to add or remove, or allow all."),
}


def changed(order: Order, word: str, before: Mapping[str, str]) -> dict[str, str]:
    """Return a list after an order: `do` is add, remove, or all, which closes nothing."""
    do, which = order.words.get("do", "add"), order.words.get(word, "")
    if do == "all":
        return {}
    if not which or do not in {"add", "remove"}:
        raise Wrong(plain(tr(_NAME_ONE[word])))
    if do == "add":
        return dict(before) | {which: before.get(which) or order.words.get("name") or which}
    if which not in before:
        raise Wrong(
            plain(tr("{name} is not in that list.", name=order.words.get("name") or which), tr("Nothing was changed."))
        )
    return without(before, which)


def without(found: Mapping[str, str], gone: str) -> dict[str, str]:
    """Return a list without one of its names."""
    return {key: name for key, name in found.items() if key != gone}


def all_of(names: Iterable[str]) -> str:
    """Return the names, of many the first and how many more there are; without any, that it is all."""
    found = [cut(name, _NAME_CHARS) for name in names]
    shown, more = found[:MOST_NAMES], len(found) - MOST_NAMES
    if more > 0:
        return trn("{names} and {number} more", "{names} and {number} more", more, names=", ".join(shown))
    return ", ".join(shown) or tr("all")
