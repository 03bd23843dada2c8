"""Every setting, declared once; the only file that reads the environment."""

from __future__ import annotations

import getpass
import os
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from storage.contract import HouseRules
from storage.limits import BadAmount, parse_limits

_QUOTES = "\"'"
_COUNT = re.compile("[1-9][0-9]{0,5}")
_MOST_USD = 1_000_000_000
_POSIX_ZONE = re.compile(r"(<[^>]+>|[A-Za-z]{3,})[+-]?[0-9].*")
_YEAR_S = 366 * 24 * 3600


class BadSettings(Exception):
    """The settings cannot be used; the message names the setting and what it takes."""


def _pairs(given: Any) -> Any:
    """Read `fal=2,novita=10`."""
    if not isinstance(given, str):
        return given
    parts = [part.partition("=") for part in given.split(",") if part.strip()]
    if not all(equals and _COUNT.fullmatch(count.strip()) for _, equals, count in parts):
        raise ValueError("write it like fal=2,novita=10")
    return {name.strip(): int(count) for name, _, count in parts}


def _upper(given: Any) -> Any:
    return given.upper() if isinstance(given, str) else given


def _words(given: Any) -> Any:
    return tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


def _setting(name: str, default: Any, description: str, **more: Any) -> Any:
    return Field(default, validation_alias=name, description=description, **more)


class Settings(BaseSettings):
    """Read once, from the environment or `.env` in the working directory, and passed down."""

    model_config = SettingsConfigDict(env_file=".env", frozen=True, extra="ignore")

    database_url: str = _setting(
        "STILLMOTION_DATABASE_URL",
        "sqlite:///stillmotion.db",
        "Where jobs, limits and both books are kept: `sqlite:///` and a path, relative to the working directory or, with a fourth slash, absolute.",
    )
    media_dir: Path | None = _setting(
        "STILLMOTION_MEDIA_DIR",
        None,
        "Where pictures, sounds and videos are kept. Default: `media/` beside the database.",
    )
    keep_days: int = _setting(
        "STILLMOTION_KEEP_DAYS",
        7,
        "After so many days inputs and videos are swept, unless a job still needs them.",
        ge=1,
        le=3650,
    )
    timezone: str = _setting(
        "STILLMOTION_TIMEZONE", "UTC", "The zone whose days, weeks and months limits count in, like `Europe/Berlin`."
    )
    default_model: str | None = _setting(
        "STILLMOTION_DEFAULT_MODEL",
        None,
        "The model, or `model@provider`, of a request that names none. Default: the first of `wan2.5`, `wan2.6`, `wan2.1` that an offer here serves, else `preview`.",
    )
    route: Words = _setting(
        "STILLMOTION_ROUTE",
        ("price",),
        "In what order offers that can serve a request are tried: `price`, `speed` or a list of offers.",
    )
    user_limit: str = _setting(
        "STILLMOTION_USER_LIMIT",
        "5/day",
        "What one person may use: `5/day` videos, `60s/day` seconds of video, `$20/month`; windows `day`, `week`, `month` or `24h`; several with commas all hold; `none` lifts it.",
    )
    user_max_open: int = _setting(
        "STILLMOTION_USER_MAX_OPEN", 2, "How many videos in the making one person may have.", ge=1, le=1000
    )
    scope_budget_usd: Decimal | None = _setting(
        "STILLMOTION_SCOPE_BUDGET_USD",
        None,
        "What one server or workspace may spend in a calendar month, in US dollars. Default: no budget.",
        ge=0,
        le=_MOST_USD,
    )
    budget_usd: Decimal | None = _setting(
        "STILLMOTION_BUDGET_USD",
        None,
        "What the whole installation may spend in a calendar month, in US dollars. Default: no budget.",
        ge=0,
        le=_MOST_USD,
    )
    prices: Path | None = _setting(
        "STILLMOTION_PRICES",
        None,
        'A TOML file that corrects prices in US dollars: a table per offer and resolution, a line per length, as in `["wan2.5@fal"."720p"]` and `5 = 0.50`.',
    )
    max_in_flight: Annotated[dict[str, int], NoDecode, BeforeValidator(_pairs)] = _setting(
        "STILLMOTION_MAX_IN_FLIGHT",
        {},
        "How many jobs an offer may have in flight, by provider or offer, like `local=1,wan2.5@fal=2`. Default: as its spec says.",
    )
    job_deadline_s: int | None = _setting(
        "STILLMOTION_JOB_DEADLINE_S",
        None,
        "After so many seconds a job is called late and looked at less often. Default: as the offer's spec says.",
        ge=1,
        le=_YEAR_S,
    )
    secret_key: SecretStr | None = _setting(
        "STILLMOTION_SECRET_KEY",
        None,
        "The key for what must not be guessed. Default: made on the first start beside the database, readable by its owner only.",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = _setting(
        "STILLMOTION_LOG_LEVEL",
        "INFO",
        "What `run` logs: `DEBUG`, `INFO`, `WARNING` or `ERROR`. Where it is not set, other commands log warnings.",
    )
    log_format: Literal["console", "json"] = _setting(
        "STILLMOTION_LOG_FORMAT", "console", "How it is logged: `console` or `json`."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, dotenv_settings)

    @model_validator(mode="before")
    @classmethod
    def _blank_is_not_set(cls, given: dict[str, Any]) -> dict[str, Any]:
        plain = {name: _unquoted(value) if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in plain.items() if value != ""}

    @field_validator("database_url")
    @classmethod
    def _only_sqlite(cls, url: str) -> str:
        scheme = url.partition(":")[0]
        if scheme != "sqlite":
            raise ValueError(f"{scheme}: databases are not supported; write sqlite:/// and a path")
        if not url.startswith("sqlite:///") or not url.removeprefix("sqlite:///"):
            raise ValueError("write sqlite:/// and a path, with a fourth slash where the path is absolute")
        return url

    @field_validator("timezone")
    @classmethod
    def _a_zone(cls, name: str) -> str:
        if not _is_zone(name):
            raise ValueError(f"there is no time zone {name}; write it like Europe/Berlin")
        return name

    @field_validator("user_limit")
    @classmethod
    def _limits(cls, text: str) -> str:
        try:
            parse_limits(text)
        except BadAmount as bad:
            raise ValueError(f"{bad} is no limit; write it like 5/day, 60s/day or $20/month") from None
        return text

    @property
    def database(self) -> Path:
        """The database's file, absolute."""
        return Path(self.database_url.removeprefix("sqlite:///")).absolute()

    @property
    def media(self) -> Path:
        """The folder of blobs, absolute."""
        return (self.media_dir or self.database.parent / "media").absolute()

    @property
    def rules(self) -> HouseRules:
        """What the store must know of limits and budgets."""
        return HouseRules(
            zone=self.timezone,
            user_limits=self.user_limit,
            user_max_open=self.user_max_open,
            scope_budget_usd_micros=_micros(self.scope_budget_usd),
            budget_usd_micros=_micros(self.budget_usd),
        )

    def price_list(self) -> dict[str, dict[str, dict[int, int]]]:
        """Return corrected prices in millionths of a US dollar, by offer, resolution and seconds.

        Raises:
            BadSettings: the file cannot be read as prices.
        """
        if self.prices is None:
            return {}
        try:
            found = tomllib.loads(self.prices.read_text(encoding="utf-8"))
            return {
                offer: {
                    size: {int(s): _price(Decimal(str(usd))) for s, usd in lengths.items()}
                    for size, lengths in sizes.items()
                }
                for offer, sizes in found.items()
            }
        except (OSError, ValueError, ArithmeticError, AttributeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise BadSettings(f"STILLMOTION_PRICES: {self.prices} cannot be read as prices ({why}).") from error


def _price(usd: Decimal) -> int:
    if not 0 <= usd <= _MOST_USD:
        raise ValueError(f"{usd} is no price")
    return int(usd * 1_000_000)


def _micros(usd: Decimal | None) -> int | None:
    return None if usd is None else int(usd * 1_000_000)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES else text


def load(**given: Any) -> Settings:
    """Read the settings; what is given, by the fields' names, goes before the environment.

    Raises:
        BadSettings: one of them is not what it must be, or `.env` cannot be read.
    """
    try:
        return Settings(**{_name(field): value for field, value in given.items()})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"][:1])) or "settings"
        told = first["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
        raise BadSettings(f"{name}: {told}.") from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadSettings(f"{Path('.env').absolute()} cannot be read: {why}.") from error


def _name(field: str) -> str:
    return str(Settings.model_fields[field].validation_alias)


def table() -> list[tuple[str, str, str]]:
    """Return each setting's name, default and meaning, in the order of their declaration."""
    return [
        (_name(field), "" if info.default is None else _written(info.default), info.description or "")
        for field, info in Settings.model_fields.items()
    ]


def _written(default: Any) -> str:
    return ",".join(default) if isinstance(default, tuple) else "" if default == {} else str(default)


def remarks() -> list[str]:
    """Return what an operator should know of how the environment is written: quotes dropped, names and zones not known."""
    known = {name for name, _, _ in table()}
    quoted = [
        f"{name} is written with quotes; they were dropped."
        for name in sorted(known)
        if _unquoted(v := os.environ.get(name, "")) != v.strip()
    ]
    unknown = sorted(name for name in os.environ if name.startswith("STILLMOTION_") and name not in known)
    return quoted + [f"{name} is set, but there is no such setting." for name in unknown] + _zone_remarks()


def _zone_remarks() -> list[str]:
    zone = os.environ.get("TZ", "")
    if not zone or _is_zone(zone.removeprefix(":")) or _POSIX_ZONE.fullmatch(zone):
        return []
    return [f"TZ names no time zone ({zone}), so this machine's clock reads UTC. Limits follow STILLMOTION_TIMEZONE."]


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def login() -> str:
    """Return who runs this process, as limits and jobs name a person at a terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
