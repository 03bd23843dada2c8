"""What takes an admin's order back: only what it changed itself, and only as long as nobody changed that since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot import sayings
from bot.choices import BLOCKED, CHANNELS, MODELS, PAUSED, ROLES, THREAD, chosen
from bot.intake import place_of
from bot.language import later, tr
from bot.orders import Wrong, only
from bot.origins import draft_id
from bot.platforms.contract import Action, Asking, Message, Order, Press
from bot.sayings import plain
from storage.contract import Draft, Store
from storage.errors import Unknown
from storage.limits import write_limits

_UNDO = "undo"
_LOOK = later("Nothing was undone: `/animate-admin show` says how it is set now.")
Parts = Mapping[str, Any]
_LISTS = frozenset({BLOCKED, CHANNELS, MODELS, ROLES, THREAD})
_OPEN_WHERE_EMPTY = frozenset({CHANNELS, MODELS, ROLES})
_COUNTS, _DOLLARS = "counts", "dollars"
_NONE = "none"


class Overtaken(Exception):
    """Somebody changed the same since; to undo the order would undo theirs."""


def undone(before: Parts, after: Parts, now: Parts) -> dict[str, Any]:
    """Return what stands now without what an order changed; what it left alone stays. A second time changes nothing.

    Raises:
        Overtaken: something that it changed is neither as it left that nor as it found it.
    """
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if any(now.get(name) not in (before.get(name), after.get(name)) for name in changed):
        raise Overtaken
    back = dict(now) | {name: before.get(name) for name in changed}
    return {name: value for name, value in back.items() if value is not None}


def choice_undone(name: str, before: Any, after: Any, now: Any) -> Any:
    """Return the value of a choice without what an order changed; None where there is none.

    Raises:
        Overtaken: it was changed since; so is a list that was lifted, as one of its names alone would close it again, or
            that would lose its last name, as an empty one lets everybody in.
    """
    was, left, stands = (_parts(name, each) for each in (before, after, now))
    back = undone(was, left, stands)
    is_turned = bool(stands) is not bool(left) and stands != was
    if name in _OPEN_WHERE_EMPTY and (is_turned or (was and not back)):
        raise Overtaken
    return back or None if name in _LISTS else back.get("")


def _parts(name: str, value: Any) -> Parts:
    if name in _LISTS:
        return value if isinstance(value, dict) else {each: each for each in value or ()}
    return {} if value is None else {"": value}


def limits_undone(before: str | None, after: str | None, now: str | None) -> str | None:
    """Return a row of limits without what an order changed; None where there is none. Counts and dollars are apart.

    Raises:
        Overtaken: it was changed since.
    """
    back = undone(_halves(before), _halves(after), _halves(now))
    halves = (back.get(name, _NONE) for name in (_COUNTS, _DOLLARS))
    return ",".join(half for half in halves if half != _NONE) or (_NONE if back else None)


def _halves(row: str | None) -> Parts:
    if row is None:
        return {}
    halves = ((_COUNTS, only(row, dollars=False)), (_DOLLARS, only(row, dollars=True)))
    found = {name: write_limits(half) for name, half in halves if half}
    return found or {_COUNTS: _NONE}


# -- the button


async def keep(store: Store, order: Order, undo: Mapping[str, Any]) -> Action | None:
    """Keep what was, as a draft of its own, for a day; None where the order changed nothing.

    Of an order that comes twice it is what was before the first.
    """
    name = draft_id(_UNDO, order.id)
    try:
        await store.draft(name)
    except Unknown:
        if undo["before"] == undo["after"]:
            return None
        await store.keep_draft(
            Draft(
                id=name,
                user=f"user:{order.user}",
                place=place_of(order.scope.partition("/")[0], order),
                request={_UNDO: dict(undo), "scope": order.scope},
                inputs=(),
                refusal=None,
                job=None,
            )
        )
    return Action(label=tr("Undo"), verb=_UNDO, of=name)


async def undo(store: Store, press: Press, draft: Draft) -> Message:
    """Put back what an order changed, for whoever still may, and say how it is now."""
    was = draft.request.get(_UNDO) or {}
    if "before" not in was or draft.request.get("scope") != press.scope:
        return sayings.not_found()
    if not (press.is_operator or (press.is_admin and was.get("by") != "operator")):
        return plain(tr("You may not undo this."), tr("Only an admin here can."))
    put_back = _choice_put_back if "choice" in was else _limits_put_back
    try:
        return plain(tr("Undone."), await put_back(store, press, was))
    except Overtaken:
        return plain(tr("It was changed since."), tr(_LOOK))
    except Wrong as wrong:
        return wrong.message


async def _limits_put_back(store: Store, press: Press, was: Mapping[str, Any]) -> str:
    subject, by = was["subject"], was["by"]
    row = limits_undone(was["before"], was["after"], await rule_of(store, subject, by))
    await keep_rule(store, subject, row, by)
    if row is None:
        return tr("It has no limits of its own again.")
    if row == _NONE:
        return tr("There is no limit again.")
    return tr("The limit is {limits} again.", limits=sayings.spoken(row))


async def _choice_put_back(store: Store, press: Press, was: Mapping[str, Any]) -> str:
    name, scope = was["choice"], f"scope:{press.scope}"
    if name == PAUSED:
        await check_may_resume(store, press)
    value = choice_undone(name, was["before"], was["after"], (await store.choices(scope)).get(name))
    await store.choose(scope, name, value, by=f"user:{press.user}")
    return tr("All is as it was before.")


async def check_may_resume(store: Store, asking: Asking) -> None:
    """Refuse to lift what an operator paused, to all but operators.

    Raises:
        Wrong: this person may not.
    """
    pause = (await chosen(store, asking.scope)).pause
    if pause is not None and pause.by_operator and not asking.is_operator:
        raise Wrong(plain(tr("You may not resume it."), tr("Only the people who run this bot can.")))


async def rule_of(store: Store, subject: str, by: str) -> str | None:
    """Return what the same hand set for a subject."""
    rows = await store.limits(subject)
    return next((row.limits for row in rows if row.set_by == by and row.limits), None)


async def keep_rule(store: Store, subject: str, row: str | None, by: str) -> None:
    """Put a row of limits in place of the one that the same hand set before; None takes it away."""
    if row is None:
        await store.clear_limits(subject, by=by)
    else:
        await store.set_limits(subject, row, by=by)
