"""What a scope's admins and operators granted once, on top of limits, as long as it holds."""

from __future__ import annotations

from collections.abc import Sequence

from bot import sayings
from bot.ports import Ports
from storage.contract import Left, Rule, Subjects

Holding = tuple[str, str]
"""Whose it is, and how much more for how long."""
_NOBODY = "user:"


async def holding(ports: Ports, scope: str, rows: Sequence[Rule]) -> list[Holding]:
    """Return the grants among these rows that still count; one whose window is over does not.

    A person's on top of a role's limit is told apart only where that role was granted nothing itself.
    """
    roles = tuple(row.subject for row in rows if row.subject.startswith("role:") and not row.grants)
    found: list[Holding] = []
    for row in rows:
        if row.grants:
            left = await ports.store.left(_concerned(row.subject, scope, roles), ports.settings.rules)
            more = (sayings.more(each) for each in left if _raises(row, each))
            found += [(row.subject, each) for each in more if each]
    return found


def _concerned(subject: str, scope: str, roles: tuple[str, ...]) -> Subjects:
    """Return whom to look at for the limits that a grant to a subject raises; a person's may be those of any role."""
    match subject.partition(":")[0]:
        case "user":
            return Subjects(user=subject, scope=scope, roles=roles)
        case "role":
            return Subjects(user=_NOBODY, scope=scope, roles=(subject,))
        case "channel":
            return Subjects(user=_NOBODY, scope=scope, channel=subject)
    return Subjects(user=_NOBODY, scope=scope)


def _raises(row: Rule, left: Left) -> bool:
    """Tell whether a row's grants are on top of a limit: of the same hand, and of its subject or a person's role."""
    hands = {"operator", "settings"} if row.set_by == "operator" else {row.set_by}
    is_theirs = row.subject.startswith("user:") and left.subject.startswith("role:")
    return left.set_by in hands and (left.subject == row.subject or is_theirs)
