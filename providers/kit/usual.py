"""Options that most models have, in one set of words; each provider says where they stand on its wire, and within which bounds."""

from __future__ import annotations

from collections.abc import Mapping

from providers.kit.spec import Audience, Choice, Switch, Text, Whole

SEED_MAX = 2**31 - 1


def resolution(
    *values: str, wire: str = "", default: str = "720p", written: Mapping[str | int, str | int] | None = None
) -> Choice:
    return Choice(
        name="resolution",
        values=values,
        default=default,
        help="How many pixels the video has; its shape is the picture's.",
        wire=wire,
        written=written or {},
    )


def duration(*values: int, wire: str = "", written: Mapping[str | int, str | int] | None = None) -> Choice:
    """Return the length in seconds, the first of them being the default."""
    return Choice(
        name="duration",
        values=values,
        default=values[0],
        unit="s",
        help="How long the video is.",
        wire=wire,
        written=written or {},
    )


def negative_prompt(wire: str, max_chars: int = 500) -> Text:
    return Text(name="negative_prompt", max_chars=max_chars, help="What should not be seen in the video.", wire=wire)


def rewrite(wire: str) -> Switch:
    return Switch(name="rewrite", default=True, help="Let the provider put the sentence into more words.", wire=wire)


def seed(wire: str = "", low: int = 0, high: int = SEED_MAX) -> Whole:
    return Whole(name="seed", low=low, high=high, help="The same seed makes a similar video again.", wire=wire)


def safety(wire: str) -> Switch:
    return Switch(
        name="safety",
        default=True,
        help="The provider's own check of picture and words.",
        audience=Audience.ADMIN,
        wire=wire,
    )
