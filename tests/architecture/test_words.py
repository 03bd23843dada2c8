"""Everything that can happen has words: settings, refusals, failures, states and errors."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from types import ModuleType

import pytest

from bot import failing, phrases, refusing, replies
from bot.commands.console import Exit
from bot.media.contract import Change, UnfitReason
from bot.platforms import errors as platform_errors
from bot.refusals import CONFIGURATION, LIMITS, Refused
from bot.settings import Settings
from providers.kit import errors as provider_errors
from storage import errors as storage_errors
from storage.contract import Refusal
from storage.states import Kind, State
from tests.architecture.source import MODULES, ROOT

TREES: dict[ModuleType, type[Exception]] = {
    provider_errors: provider_errors.ProviderError,
    platform_errors: platform_errors.PlatformError,
    storage_errors: storage_errors.StorageError,
}


def _tree(root: type[Exception]) -> set[type[Exception]]:
    return {root, *(leaf for branch in root.__subclasses__() for leaf in _tree(branch))}


def _calls(name: str) -> list[ast.Call]:
    return [
        node
        for module in MODULES.values()
        for node in module.walk()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def _given(name: str) -> set[str]:
    """Return the first words that are given to every call of this name, as far as they stand in the source."""
    firsts = [call.args[0] for call in _calls(name) if call.args]
    return {first.value for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, str)}


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_says_what_it_means(field: str) -> None:
    """A sentence, under a name that an environment can carry."""
    info = Settings.model_fields[field]
    assert info.description is not None
    assert info.description.endswith(".")
    assert re.fullmatch(r"[A-Z][A-Z0-9_]*", str(info.validation_alias))


def test_every_refusal_that_is_raised_has_a_sentence() -> None:
    """None without words, none in words alone, and the class names them all."""
    raised = _given("Refused")
    stored = set(re.findall(r"\b(limit|open|budget|unpriced)\b", (Refusal.__doc__ or "").partition(";")[0]))
    assert raised | stored == refusing._REFUSALS.keys()
    assert stored == LIMITS
    assert raised >= CONFIGURATION
    assert all(code in (Refused.__doc__ or "") for code in raised)


def test_every_reason_has_a_sentence() -> None:
    """Each that the media contract declares, and no other."""
    assert refusing._UNFIT.keys() == set(UnfitReason)
    assert not refusing._REFUSALS.keys() & set(UnfitReason)


def test_every_failure_has_a_sentence() -> None:
    """Each that the table of moves declares, and no other; and a few words on the card."""
    assert failing._FAILURES.keys() == phrases._FAILED.keys() == set(Kind)


def test_every_change_has_words() -> None:
    """Each that the media contract promises, and no other; each is made somewhere."""
    codes = re.sub(r"\(.*?\)", "", (Change.__doc__ or "").partition("Codes:")[2], flags=re.DOTALL).split("·")
    promised = {code.strip() for code in codes}
    assert promised == replies._CHANGES.keys()
    made = {
        node.value
        for name, module in MODULES.items()
        if name.startswith("bot.media.")
        for node in module.walk()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert promised <= made


def test_every_state_has_words() -> None:
    """Each has its own words for where it stands, and each that may last for how it ended; what is over says so."""
    over = {State.DELIVERED, State.FAILED, State.CANCELLED}
    moving = {State.PREPARING, State.QUEUED, State.SUBMITTING, State.GENERATING, State.FETCHING, State.DELIVERING}
    assert set(State) - _cases("progress") - set(replies._STANDING) <= over
    assert set(State) - _cases("ended") <= over | moving


def _cases(name: str) -> set[State]:
    """Return the states that a function of the replies names."""
    tree = MODULES["bot.replies"].tree
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    named = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    return {state for state in State if state.name in named}


@pytest.mark.parametrize("module", TREES, ids=lambda module: module.__name__)
def test_every_error_is_in_the_picture_of_its_tree(module: ModuleType) -> None:
    """The page opens with the whole tree, and each class says in a sentence what is so."""
    for error in _tree(TREES[module]):
        assert error.__name__ in (module.__doc__ or "")
        assert (error.__doc__ or "").strip().partition("\n")[0].endswith((".", ","))


@pytest.mark.parametrize("error", sorted(_tree(provider_errors.NoJob), key=str))
def test_every_proof_of_no_job_names_a_failure_kind(error: type[provider_errors.NoJob]) -> None:
    """So that a job that nothing else can serve ends in words."""
    assert error.kind in set(Kind)


RAISING = """
import json, sys
from bot.commands import console
from bot.settings import BadSettings
from storage import errors

async def command(found):
    raise error

told = {}
for error in [errors.Unavailable("the disk is full"), errors.Unknown("7K3Q9FD2"), errors.Stale("7K3Q9FD2"),
              errors.OverBudget("$5/month"), errors.StorageError("it broke"), BadSettings("X: no."),
              console.Stop(console.Exit.LIMIT, "limit", "No."), KeyboardInterrupt()]:
    try:
        console.run(command)
    except SystemExit as ended:
        told[type(error).__name__] = ended.code
json.dump(told, sys.stdout)
"""


def test_every_error_of_the_store_ends_a_command_with_a_sentence_and_a_code() -> None:
    """None escapes as a traceback, whatever a command does."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", RAISING], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert {error.__name__ for error in _tree(storage_errors.StorageError)} <= told.keys()
    assert "Traceback" not in ended.stderr
    assert (told["Unavailable"], told["Unknown"], told["Stop"]) == (Exit.CONFIGURATION, Exit.REFUSED, Exit.LIMIT)
    assert (told["StorageError"], told["KeyboardInterrupt"]) == (Exit.FAILED, Exit.UNFINISHED)
