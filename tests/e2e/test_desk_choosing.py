"""What people choose from: options, models with price and usual time, and the form's lines."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.lobby import Lobby, opened


async def test_options_are_those_of_all_offers_without_an_operator_s(tmp_path: Path) -> None:
    """Those that most offers have come first, and an admin's are marked."""
    async with opened(tmp_path) as lobby:
        found = {field.name: field for field in lobby.desk.fields()}
        assert list(found) == ["resolution", "duration", "seed", "negative_prompt", "safety"]
        assert (found["resolution"].kind, found["resolution"].choices) == ("choice", ("480p", "720p"))
        assert found["duration"].choices == ("5", "10")
        assert (found["seed"].kind, found["seed"].low, found["seed"].high) == ("integer", 0, 99)
        assert (found["negative_prompt"].kind, found["negative_prompt"].max_chars) == ("text", 500)
        assert (found["safety"].kind, found["safety"].help) == ("switch", "The safety check. For admins.")


async def values(lobby: Lobby, typed: str) -> list[str]:
    return [pick.value for pick in await lobby.desk.picks(lobby.command(), typed)]


async def test_models_come_with_their_price_plain_ones_first(tmp_path: Path) -> None:
    """Any part of a name finds them, in any case."""
    async with opened(tmp_path) as lobby:
        assert await values(lobby, "") == ["wan2.5", "wan2.6", "wan2.5@imagined", "wan2.6@other"]
        assert await values(lobby, " OTHER") == ["wan2.6@other"]
        assert await values(lobby, "nothing such") == []
        first = (await lobby.desk.picks(lobby.command(), ""))[0]
        assert first.label == "wan2.5, $0.50, a few seconds"


async def test_only_models_that_may_be_used_are_offered(tmp_path: Path) -> None:
    """Nobody picks what is then refused."""
    async with opened(tmp_path) as lobby:
        await lobby.order("models", model="wan2.6")
        assert await values(lobby, "") == ["wan2.6", "wan2.6@other"]
        answer = await lobby.desk.form(lobby.command())
        assert answer.form is not None
        assert {pick.value.partition("/")[0] for pick in answer.form.picks} == {"wan2.6@other"}


async def test_the_form_lists_offer_size_and_length_with_the_price_of_each(tmp_path: Path) -> None:
    """It cannot change while it is open, so one list says all; each model's usual size comes first."""
    async with opened(tmp_path, user_limit="5/day") as lobby:
        answer = await lobby.desk.form(lobby.command())
        assert answer.form is not None
        assert [pick.value for pick in answer.form.picks[:3]] == [
            "wan2.5@imagined/720p/5",
            "wan2.6@other/720p/5",
            "wan2.5@imagined/480p/5",
        ]
        assert answer.form.picks[0].label == "wan2.5, 720p, 5 s, $0.50"
        assert [pick.is_default for pick in answer.form.picks].count(True) == 1
        assert (answer.form.origin, answer.form.prompt_needed) == ("", True)
        assert answer.form.hint == "You have 5 of 5 videos left today."
