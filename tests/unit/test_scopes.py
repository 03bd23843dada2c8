"""Where the bot may work: what was ruled goes before the settings, and nobody's server is anybody's by default."""

from __future__ import annotations

from typing import Any

import pytest

from bot.platforms.contract import Asking, Spot
from bot.scopes import is_allowed
from bot.settings import load
from storage.contract import ScopeRule

HARBOUR = "discord/7"
OWN: dict[str, Any] = {"scope_is_own": True}
PRIVATE: dict[str, Any] = {"is_private": True}


def asking(scope: str = HARBOUR, **more: Any) -> Asking:
    """Return somebody who asks there."""
    return Asking(id="1", user="discord/1", scope=scope, channel=None, spot=Spot(server="7", channel="8"), **more)


@pytest.mark.parametrize(
    ("about", "settings", "ruled", "allowed"),
    [
        ({}, {}, None, False),
        (OWN, {}, None, True),
        (OWN, {}, False, False),
        ({}, {}, True, True),
        ({}, {"scopes": "*"}, None, True),
        ({}, {"scopes": "*"}, False, False),
        ({}, {"scopes": HARBOUR}, None, True),
        ({}, {"scopes": HARBOUR}, False, False),
        ({}, {"scopes": "discord/8"}, None, False),
        (OWN, {"scopes": "discord/8"}, None, False),
        (OWN, {"scopes": "discord/8"}, True, True),
        (PRIVATE, {}, None, False),
        (PRIVATE, {"scopes": "*"}, None, False),
        (PRIVATE, {"allow_dm": "on"}, None, True),
        (PRIVATE, {"allow_dm": "on", "scopes": "discord/8"}, None, True),
        (PRIVATE, {"allow_dm": "on"}, False, False),
    ],
)
def test_a_rule_goes_before_the_settings_and_a_list_before_whose_it_is(
    about: dict[str, Any], settings: dict[str, Any], ruled: bool | None, allowed: bool
) -> None:
    """A deny wins over all; direct messages have a setting of their own."""
    rules = [ScopeRule(scope=f"scope:{HARBOUR}", allowed=ruled, approvals=False)] if ruled is not None else []
    assert is_allowed(asking(**about), load(**settings), rules) is allowed


def test_a_list_of_servers_does_not_shut_the_terminal() -> None:
    """Who has a shell on the machine is the operator."""
    assert is_allowed(asking("cli/ana", **OWN), load(scopes="discord/8"), [])


def test_what_is_ruled_elsewhere_means_nothing_here() -> None:
    """Each server stands for itself."""
    assert not is_allowed(asking(), load(), [ScopeRule(scope="scope:discord/77", allowed=True, approvals=False)])
