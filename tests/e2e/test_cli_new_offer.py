"""A new offer is one file: the command line, the checks, the price and the router take it from its spec."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import PLAIN, Cli, Ran, Zygote

IMAGINARY = Path(__file__).with_name("imaginary.py")
Ask = Callable[..., Ran]
ASK = ("animate", "photo.png", "a cat dreams")


@pytest.fixture(scope="module")
def dreaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """The command with one more file among the providers, and nothing else changed."""
    shelf = tmp_path_factory.mktemp("shelf")
    shutil.copy(IMAGINARY, shelf / "imaginary.py")
    started = Zygote(tmp_path_factory.mktemp("dreaming"), shelf)
    yield started
    started.close()


@pytest.fixture
def ask(cli: Cli, dreaming: Zygote) -> Ask:
    """Run the command in a folder of its own, with that file among the providers."""
    return lambda *words, **env: dreaming.run(words, cli.folder, PLAIN | env)


def test_it_is_listed_with_all_that_it_declares(ask: Ask) -> None:
    """Every offer of the file, with audiences, ranges and prices; one without its key is off and says why."""
    listed = {offer["offer"]: offer for offer in ask("offers", "--json").document}
    of_the_file = ["dream@imaginary", "preview@imaginary", "nightmare@imaginary"]
    assert [name for name in listed if name.endswith("@imaginary")] == of_the_file
    assert listed["nightmare@imaginary"]["why_off"] == "no key"
    assert listed["dream@imaginary"]["prices"]["usd_per_s"] == {"720p": 0.1}
    options = {option["name"]: option for option in listed["dream@imaginary"]["options"]}
    assert options["draft"]["audience"] == "operator"
    assert (options["guidance"]["low"], options["guidance"]["high"]) == (0, 2.5)
    assert "mood            calm, wild; default calm" in ask("offers").out
    assert "; for operators" in ask("offers").out


def test_its_options_are_flags(ask: Ask) -> None:
    """`animate --help` names each with its help, range and default; the two that all offers have come first."""
    told = " ".join(ask("animate", "--help").out.split())
    assert told.index("--resolution") < told.index("--duration") < told.index("--mood")
    where = "At dream@imaginary, preview@imaginary, nightmare@imaginary"
    assert f"How it feels. {where}: Takes calm, wild. Default: calm." in told
    assert f"How strictly. {where}: Takes a number from 0 to 2.5. Default: 0.5." in told
    assert "--negative-prompt VALUE" in told


def test_its_options_reach_what_is_sent(ask: Ask) -> None:
    """By flag and by --set, 0 and off included; the price is the one of its spec."""
    flags = ("--seed", "0", "--guidance", "0", "--loop", "off", "--set", "negative-prompt=rain", "--set", "mood=Wild")
    ran = ask(*ASK, "--model", "dream", "--duration", "6", *flags, "--dry-run", "--json")
    assert ran.code == 0, ran.err
    assert (ran.document["offer"], ran.document["price_usd"]) == ("dream@imaginary", 0.6)
    wanted = {"seed": 0, "guidance": 0, "loop": False, "negative_prompt": "rain", "mood": "wild", "draft": False}
    assert wanted.items() <= ran.document["body"].items()
    assert "about $0.60" in ask(*ASK, "--model", "dream", "--duration", "6", "--dry-run").err


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (("--mood", "sad"), "option_bad", "It takes calm, wild."),
        (("--seed", "10"), "option_bad", "a whole number from -1 to 9"),
        (("--seed", "-2"), "option_bad", "a whole number from -1 to 9"),
        (("--guidance", "nan"), "option_bad", "a number from 0 to 2.5"),
        (("--loop", "perhaps"), "option_bad", "on or off"),
        (("--negative-prompt", "x" * 11), "option_bad", "(this has 11)"),
        (("--sound", "on"), "option_unknown", "It has resolution, duration, mood"),
        (("--audio", "voice.ogg"), "sound_unsupported", "takes no sound"),
    ],
)
def test_what_it_does_not_take_is_refused(ask: Ask, words: tuple[str, ...], error: str, told: str) -> None:
    """Before anything is stored, with the range in the sentence."""
    ran = ask(*ASK, "--model", "dream", *words, "--json")
    assert ran.code == 2, ran.err
    assert ran.document["error"] == error
    assert told in ran.document["message"]


def test_its_prompt_limits_hold(ask: Ask) -> None:
    """Too long and missing are refused with the offer's own numbers."""
    assert "takes 40" in ask("animate", "photo.png", "x" * 41, "--model", "dream", "--json").document["message"]
    assert ask("animate", "photo.png", " ", "--model", "dream", "--json").document["error"] == "prompt_missing"


def test_an_offer_that_is_off_is_a_matter_of_configuration(ask: Ask) -> None:
    """Exit code 5, and the reason."""
    ran = ask(*ASK, "--model", "nightmare", "--json")
    assert (ran.code, ran.document["error"]) == (5, "offer_off")
    assert "no key" in ran.document["message"]


def test_a_price_that_nobody_knows_is_said_so(ask: Ask) -> None:
    """Null in the document, words in the sentence; where a dollar limit applies it cannot be used: exit code 4."""
    words = (*ASK, "--model", "dream", "--resolution", "9000p")
    assert ask(*words, "--dry-run", "--json").document["price_usd"] is None
    assert "at an unknown price" in ask(*words, "--dry-run").err
    ran = ask(*words, "--json", STILLMOTION_USER_LIMIT="$5/day")
    assert (ran.code, ran.document["error"]) == (4, "unpriced")


def test_a_budget_without_room_refuses_it(ask: Ask) -> None:
    """Exit code 4, with what is left and who can raise it."""
    ran = ask(*ASK, "--model", "dream", "--json", STILLMOTION_BUDGET_USD="0.10")
    assert (ran.code, ran.document["error"]) == (4, "budget")
    assert "about $0.30" in ran.document["message"]


def test_the_router_takes_it_in_by_price_by_speed_and_by_list(ask: Ask) -> None:
    """A model with two offers goes to the cheaper, the quicker, or the one that the operator names first."""
    short = ask(*ASK, "--model", "preview", "--duration", "3", "--dry-run", "--json")
    assert short.document["offer"] == "preview@imaginary"
    words = (*ASK, "--model", "preview", "--resolution", "720p", "--seed", "3", "--dry-run", "--json")
    assert ask(*words).document["offer"] == "preview@local"
    assert ask(*words, STILLMOTION_ROUTE="speed").document["offer"] == "preview@imaginary"
    assert ask(*words, STILLMOTION_ROUTE="imaginary,preview@local").document["offer"] == "preview@imaginary"
    assert ask(*words, STILLMOTION_DEFAULT_MODEL="dream").document["offer"] == "preview@local"
    assert ask(*ASK, "--dry-run", "--json", STILLMOTION_DEFAULT_MODEL="dream").document["offer"] == "dream@imaginary"
