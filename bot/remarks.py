"""What an operator should know of how the environment is written: quotes dropped, names, zones and proxies not known."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.proxies import read_proxies
from bot.settings import env_file, environment, table
from bot.values import is_zone, unquoted

_POSIX_ZONE = re.compile(r"(<[^>]+>|[A-Za-z]{3,})[+-]?[0-9].*")


def remarks() -> list[str]:
    """Return a sentence for each."""
    environ, known = environment(), {name for name, _, _ in table()}
    quoted = [
        f"{name} is written with quotes; they were dropped."
        for name in sorted(known)
        if unquoted(value := environ.get(name, "")) != value.strip()
    ]
    written = env_file()
    unknown = sorted(name for name in {*environ, *written} if name.startswith("STILLMOTION_") and name not in known)
    return [
        *quoted,
        *(
            f".env has a line that is not written NAME=VALUE: {name.partition(':')[0].strip()}."
            for name, value in written.items()
            if value is None
        ),
        *(f"{name} is set, but there is no such setting." for name in unknown),
        *_zone(environ),
        *(
            f"NO_PROXY or a proxy's address holds {entry}, which cannot be used."
            for entry in read_proxies(environ).unusable
        ),
    ]


def _zone(environ: Mapping[str, str]) -> list[str]:
    zone = environ.get("TZ", "")
    if not zone or is_zone(zone.removeprefix(":")) or _POSIX_ZONE.fullmatch(zone):
        return []
    return [f"TZ names no time zone ({zone}), so this machine's clock reads UTC. Limits follow STILLMOTION_TIMEZONE."]
