"""How a scope's admins have set the bot, in one answer."""

from __future__ import annotations

from bot import orders, sayings
from bot.choices import Choices, chosen
from bot.language import tr
from bot.platforms.contract import Message, Named, Order
from bot.ports import Ports
from bot.sayings import plain
from storage.contract import APPROVALS


async def shown(ports: Ports, order: Order) -> Message:
    """Return everything that an admin can change, as it stands."""
    store, scope = ports.store, f"scope:{order.scope}"
    choices = await chosen(store, order.scope)
    by_operator = any(rule.approvals for rule in await store.scopes() if rule.scope == scope)
    approvals = (await store.choices(scope)).get(APPROVALS, by_operator)
    own = [row for row in await store.limits() if scope in {row.set_by, row.subject} and row.limits]
    everybody = f"{tr('Everybody: {limits}', limits=sayings.spoken(ports.settings.user_limit))}\n"
    limits = [part for row in own for part in (_whose(row.subject), f": {sayings.spoken(row.limits)}\n")]
    head = tr("Paused.") if choices.pause else tr("How this bot is set here.")
    return plain(head, everybody, *limits, "\n".join(_chosen(choices, approvals=bool(approvals))))


def _chosen(choices: Choices, *, approvals: bool) -> list[str]:
    blocked = tr("Blocked: {names}", names=orders.all_of(choices.blocked.values()))
    return [
        tr("Approvals: on") if approvals else tr("Approvals: off"),
        tr("Channels: {names}", names=orders.all_of(choices.channels.values())),
        tr("Roles: {names}", names=orders.all_of(choices.roles.values())),
        tr("Models: {names}", names=orders.all_of(choices.models)),
        *([blocked] if choices.blocked else []),
        *([tr("Videos come covered")] if choices.spoiler else []),
    ]


def _whose(subject: str) -> str | Named:
    return tr("This server") if subject.startswith("scope:") else Named(subject)
