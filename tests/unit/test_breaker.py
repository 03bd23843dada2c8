"""Breakers of offers and accounts on a simulated clock: when it opens, for how long, and that it never locks anybody out for good."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot.breaker import Breakers, Trouble

FAL, NOVITA, SIBLING = "wan2.5@fal", "wan2.1@novita", "wan2.6@fal"


@dataclass
class Clock:
    """A monotonic clock that moves only when told."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Scene:
    """The breakers, and the clock they go by."""

    clock: Clock
    breakers: Breakers

    def open_s(self, offer: str = FAL) -> float:
        """Let time pass until the offer may be tried; how long that took, in half seconds."""
        before_s = self.clock.now_s
        while self.breakers.trouble(offer) is not None:
            self.clock.now_s += 0.5
        return self.clock.now_s - before_s

    def fail(self, trouble: Trouble, times: int = 1, offer: str = FAL) -> None:
        for _ in range(times):
            self.breakers.failed(offer, trouble)


@pytest.fixture
def scene() -> Scene:
    """Nothing has happened yet."""
    clock = Clock()
    return Scene(clock, Breakers(clock))


def test_an_offer_that_nothing_is_known_of_may_be_tried(scene: Scene) -> None:
    """And one that works stays so."""
    assert scene.breakers.trouble(FAL) is None
    scene.breakers.worked(FAL)
    assert scene.breakers.trouble(FAL) is None


def test_faults_open_it_at_the_third_in_a_row(scene: Scene) -> None:
    """For half a minute; one lost answer says little."""
    scene.fail(Trouble.FAULTS, 2)
    assert scene.breakers.trouble(FAL) is None
    scene.fail(Trouble.FAULTS)
    assert scene.breakers.trouble(FAL) is Trouble.FAULTS
    assert scene.open_s() == 30.0


def test_a_call_that_went_well_between_faults_starts_the_count_anew(scene: Scene) -> None:
    """Three in a row, not three in a month."""
    scene.fail(Trouble.FAULTS, 2)
    scene.breakers.worked(FAL)
    scene.fail(Trouble.FAULTS, 2)
    assert scene.breakers.trouble(FAL) is None


@pytest.mark.parametrize("account", [Trouble.CREDENTIALS, Trouble.NO_CREDIT])
def test_an_account_that_does_not_work_is_left_alone_at_once_with_all_its_offers(
    scene: Scene, account: Trouble
) -> None:
    """For five minutes, as the next call would be refused as well; each offer says what is wrong."""
    scene.fail(account)
    assert [scene.breakers.trouble(offer) for offer in (FAL, SIBLING, NOVITA)] == [account, account, None]
    assert scene.open_s(SIBLING) == 300.0


def test_an_offer_that_keeps_failing_leaves_its_siblings_alone(scene: Scene) -> None:
    """One model that is down says nothing of the account, nor of other providers."""
    scene.fail(Trouble.FAULTS, 3)
    assert [scene.breakers.trouble(offer) for offer in (FAL, SIBLING, NOVITA)] == [Trouble.FAULTS, None, None]
    scene.fail(Trouble.FAULTS, 2, SIBLING)
    assert scene.breakers.trouble(SIBLING) is None


def test_a_call_that_goes_well_shows_that_the_account_works_but_not_that_a_sibling_does(scene: Scene) -> None:
    """Each is closed by what it says something of."""
    scene.fail(Trouble.FAULTS, 3)
    scene.fail(Trouble.NO_CREDIT)
    assert scene.breakers.trouble(FAL) is Trouble.NO_CREDIT
    scene.breakers.worked(NOVITA)
    assert scene.breakers.trouble(FAL) is Trouble.NO_CREDIT
    scene.breakers.worked(SIBLING)
    assert scene.breakers.trouble(FAL) is Trouble.FAULTS
    scene.breakers.worked(FAL)
    assert scene.breakers.trouble(FAL) is None


@pytest.mark.parametrize(
    ("trouble", "times", "lengths_s"),
    [
        (Trouble.FAULTS, 3, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]),
        (Trouble.NO_CREDIT, 1, [300, 600, 1200, 2400, 3600, 3600]),
    ],
)
def test_each_opening_is_twice_as_long_up_to_an_hour(
    scene: Scene, trouble: Trouble, times: int, lengths_s: list[float]
) -> None:
    """However long it lasts, an hour later somebody looks."""
    found_s = []
    for _ in lengths_s:
        scene.fail(trouble, times)
        found_s.append(scene.open_s())
    assert found_s == lengths_s


def test_a_call_that_goes_well_closes_it_and_forgets_how_often_it_was_open(scene: Scene) -> None:
    """At once, even while it is open: a call that was under way has shown that it works."""
    for _ in range(3):
        scene.fail(Trouble.NO_CREDIT)
        scene.open_s()
    scene.fail(Trouble.NO_CREDIT)
    scene.breakers.worked(FAL)
    assert scene.breakers.trouble(FAL) is None
    scene.fail(Trouble.NO_CREDIT)
    assert scene.open_s() == 300.0


def test_what_is_wrong_now_is_what_went_wrong_last(scene: Scene) -> None:
    """An account that is mended may still find the provider down."""
    scene.fail(Trouble.CREDENTIALS)
    scene.open_s()
    scene.fail(Trouble.FAULTS, 3)
    assert scene.breakers.trouble(FAL) is Trouble.FAULTS


def test_after_an_opening_a_single_failed_try_opens_it_again(scene: Scene) -> None:
    """It is tried once: each further try may be one more call whose answer is lost."""
    scene.fail(Trouble.FAULTS, 3)
    scene.open_s()
    scene.fail(Trouble.FAULTS)
    assert scene.open_s() == 60.0


@pytest.mark.parametrize(("trouble", "times", "first_s"), [(Trouble.NO_CREDIT, 1, 300.0), (Trouble.FAULTS, 3, 30.0)])
def test_calls_that_were_under_way_when_it_opened_make_it_no_longer(
    scene: Scene, trouble: Trouble, times: int, first_s: float
) -> None:
    """Five jobs that find the account empty in the same second are one opening."""
    scene.fail(trouble, 5 * times)
    assert scene.open_s() == first_s


def test_an_account_that_stays_empty_for_months_stays_a_refusal(scene: Scene) -> None:
    """A try an hour, for two months."""
    for _ in range(1500):
        scene.fail(Trouble.NO_CREDIT)
        scene.clock.now_s += 3600.0
    assert scene.breakers.trouble(FAL) is None
