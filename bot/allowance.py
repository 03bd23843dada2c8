"""What the people who run the bot allow, which holds beside all that a scope's admins set."""

from __future__ import annotations

from bot import orders
from bot.ports import Ports
from storage.contract import HouseRules
from storage.limits import Amount, Limit, Unit, Window, parse_limits


async def allowed(ports: Ports, subject: str) -> tuple[Limit, ...]:
    """Return what operators set for a subject, else what the settings say.

    Empty where nobody set anything, and where it depends on the roles that a person has.
    """
    found = [row for row in await ports.store.limits() if row.set_by == "operator" and row.limits]
    rows = {row.subject: parse_limits(row.limits) for row in found}
    own, rules = rows.get(subject), ports.settings.rules
    match orders.kind_of(subject):
        case "scope":
            return (own or ()) + _budget(rules, own)
        case "user" | "role" if own is None and not any(each.startswith("role:") for each in rows):
            return parse_limits(rules.user_limits)
    return own or ()


def _budget(rules: HouseRules, own: tuple[Limit, ...] | None) -> tuple[Limit, ...]:
    """Return the settings' budget, which holds where an operator neither set dollars nor freed the scope of all."""
    budget = rules.scope_budget_usd_micros
    if budget is None or own == () or orders.has_dollars(own or ()):
        return ()
    return (Limit(Amount(Unit.USD, budget), Window("month")),)


async def a_month_usd_micros(ports: Ports, scope: str) -> int | None:
    """Return the least that operators let a scope, or the whole bot, cost a month; None where they set nothing."""
    limits = await allowed(ports, scope)
    budgets = [each.amount.number for each in limits if (each.amount.unit, each.window.name) == (Unit.USD, "month")]
    whole = ports.settings.rules.budget_usd_micros
    return min(budgets if whole is None else [*budgets, whole], default=None)
