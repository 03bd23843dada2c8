"""How a scope's admins have set the bot, in one answer."""

from __future__ import annotations

from collections.abc import Sequence

from bot import allowance, grants, orders, sayings
from bot.choices import Choices, chosen
from bot.language import later, told, tr, trn
from bot.platforms.contract import Answering, Message, Named, Order, Text
from bot.ports import Ports
from bot.sayings import plain
from storage.contract import APPROVALS, Rule, Store
from storage.limits import write_limits

_COME = {
    Answering.THREAD: later("Videos come in a thread on their card"),
    Answering.REPLY: later("Videos come as a reply to their card"),
    Answering.CHANNEL: later("Videos come as messages of their own"),
}
_COME_IN = {
    Answering.THREAD: later("In {channel} videos come in a thread on their card"),
    Answering.REPLY: later("In {channel} videos come as a reply to their card"),
    Answering.CHANNEL: later("In {channel} videos come as messages of their own"),
}


async def shown(ports: Ports, order: Order) -> Message:
    """Return everything that an admin can change, as it stands: the settings first, then the limits."""
    store, scope = ports.store, f"scope:{order.scope}"
    choices = await chosen(store, order.scope)
    approvals = await takes_approvals(store, scope)
    own = [row for row in await store.limits() if scope in {row.set_by, row.subject}]
    granted = await grants.holding(ports, scope, own)
    lines = [
        *_settings(choices, approvals=approvals),
        (tr("Everybody: {limits}", limits=sayings.spoken(ports.settings.user_limit)),),
        *_limits([row for row in own if row.set_by == scope and row.limits]),
        *_first([(_whose(subject), f": {more}") for subject, more in granted]),
        *await _theirs(ports, scope),
    ]
    head = tr("Paused.") if choices.pause else tr("How this bot is set here.")
    return plain(head, *(part for at, line in enumerate(lines) for part in (["\n"] if at else []) + [*line]))


async def takes_approvals(store: Store, scope: str) -> bool:
    """Tell whether a request over budget can be put to an admin: as admins chose, else as operators did."""
    by_operator = any(rule.approvals for rule in await store.scopes() if rule.scope == scope)
    return bool((await store.choices(scope)).get(APPROVALS, by_operator))


def _settings(choices: Choices, *, approvals: bool) -> list[Text]:
    blocked = tr("Blocked: {names}", names=orders.all_of(choices.blocked.values()))
    return [
        (tr("Approvals: on") if approvals else tr("Approvals: off"),),
        _asked_in(choices.alerts),
        (tr("Channels: {names}", names=orders.all_of(choices.channels.values())),),
        (tr("Roles: {names}", names=orders.all_of(choices.roles.values())),),
        (tr("Models: {names}", names=orders.all_of(choices.models)),),
        *([(blocked,)] if choices.blocked else []),
        *_answered(choices),
        *([(tr("Videos come covered"),)] if choices.spoiler else []),
    ]


def _asked_in(channel: str) -> Text:
    if channel:
        return told("Approvals are asked for in {channel}", channel=Named(f"channel:{channel}"))
    return (tr("Approvals are asked for on the card"),)


def _answered(choices: Choices) -> list[Text]:
    """Return how videos come, and where otherwise."""
    own = [channel for channel in choices.thread if channel]
    there = [told(_COME_IN[choices.answering(each)], channel=Named(f"channel:{each}")) for each in own]
    return [(tr(_COME[choices.answering("")]),), *_first(there)]


def _limits(own: Sequence[Rule]) -> list[Text]:
    return _first([line for row in own for line in _said(row)])


def _said(row: Rule) -> list[Text]:
    """Return a row's limits in a line; of the scope itself its budget in another."""
    counts, budget = orders.only(row.limits, dollars=False), orders.only(row.limits, dollars=True)
    if not (row.subject.startswith("scope:") and budget):
        return [(_whose(row.subject), f": {sayings.spoken(row.limits)}")]
    of_counts: list[Text] = [(_whose(row.subject), f": {sayings.spoken(write_limits(counts))}")] if counts else []
    return [*of_counts, (tr("Budget: {limits}", limits=sayings.spoken(write_limits(budget))),)]


async def _theirs(ports: Ports, scope: str) -> list[Text]:
    """Return what operators set for this scope, where they did."""
    limits = await allowance.allowed(ports, scope)
    if not limits:
        return []
    return [(tr("Allowed by the people who run this bot: {limits}", limits=sayings.spoken(write_limits(limits))),)]


def _first(lines: list[Text]) -> list[Text]:
    """Return the first lines of many, and how many more there are."""
    more = len(lines) - orders.MOST_NAMES
    return [*lines[:-more], (trn("and {number} more", "and {number} more", more),)] if more > 0 else lines


def _whose(subject: str) -> str | Named:
    return tr("This server") if subject.startswith("scope:") else Named(subject)
