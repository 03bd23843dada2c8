"""Every setting, declared once; the only file that reads the environment."""

from __future__ import annotations

import getpass
import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, create_model, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.values import (
    Address,
    Alerts,
    BucketAddress,
    Counts,
    DatabaseAddress,
    Key,
    Limits,
    People,
    Scopes,
    Upper,
    Words,
    Zone,
    unquoted,
)
from providers.kit.provider import Access
from providers.kit.registry import discover
from storage.contract import HouseRules

_AWS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
)
_MOST_USD = 1_000_000_000
_YEAR_S = 366 * 24 * 3600


class BadSettings(Exception):
    """The settings cannot be used; the message names the setting and what it takes."""


def _setting(name: str, default: Any, description: str, **more: Any) -> Any:
    return Field(default, validation_alias=name, description=description, **more)


class Settings(BaseSettings):
    """Read once, from the environment or `.env` in the working directory, and passed down."""

    model_config = SettingsConfigDict(env_file=".env", frozen=True, extra="ignore")

    discord_bot_token: Key | None = _setting("DISCORD_BOT_TOKEN", None, "The bot's token, which turns Discord on.")
    discord_api_base_url: Address = _setting(
        "DISCORD_API_BASE_URL",
        "https://discord.com/api/v10",
        "Another address for Discord's API, as that of a proxy; the gateway's is taken from the API's own answer.",
    )
    database_url: DatabaseAddress = _setting(
        "STILLMOTION_DATABASE_URL",
        "sqlite:///stillmotion.db",
        "Where jobs, limits and both books are kept: `sqlite:///` and a path, relative to the working directory or, with a fourth slash, absolute.",
    )
    media_dir: Path | None = _setting(
        "STILLMOTION_MEDIA_DIR",
        None,
        "Where pictures, sounds and videos are kept. Default: `media/` beside the database.",
    )
    media_bucket: BucketAddress | None = _setting(
        "STILLMOTION_MEDIA_BUCKET",
        None,
        "A bucket, `s3://bucket/prefix`, from which providers fetch pictures and sounds by links that expire; the `AWS_` names say how it is reached.",
    )
    public_url: Address | None = _setting(
        "STILLMOTION_PUBLIC_URL",
        None,
        "Where the world reaches the HTTP side of `run`, like `https://bot.example.org`: providers fetch pictures and sounds there, and tell that a video is ready.",
    )
    http_host: str = _setting("STILLMOTION_HTTP_HOST", "127.0.0.1", "The address that the HTTP side listens on.")
    http_port: int = _setting("STILLMOTION_HTTP_PORT", 8080, "The port that the HTTP side listens on.", ge=1, le=65535)
    metrics_port: int = _setting(
        "STILLMOTION_METRICS_PORT",
        9464,
        "The port on this machine alone where `run` answers `/healthz` and `/metrics`; 0 turns it off.",
        ge=0,
        le=65535,
    )
    trusted_hosts: Words = _setting(
        "STILLMOTION_TRUSTED_HOSTS",
        (),
        "Hosts, `host` or `host:port`, from which videos may be fetched though their address is private or not https: a gateway or bucket of your own.",
    )
    keep_days: int = _setting(
        "STILLMOTION_KEEP_DAYS",
        7,
        "After so many days inputs and videos are swept, unless a job still needs them.",
        ge=1,
        le=3650,
    )
    timezone: Zone = _setting(
        "STILLMOTION_TIMEZONE", "UTC", "The zone whose days, weeks and months limits count in, like `Europe/Berlin`."
    )
    scopes: Scopes = _setting(
        "STILLMOTION_SCOPES",
        None,
        "Servers that may use the bot, `discord/SERVER_ID` with commas between, or `*` for all. Default: those owned by whoever owns the Discord application, or by one of its team. `scopes allow` adds one, `scopes deny` shuts one out.",
    )
    allow_dm: bool = _setting(
        "STILLMOTION_ALLOW_DM", False, "Whether videos may be asked for in direct messages: `on` or `off`."
    )
    admins: People = _setting(
        "STILLMOTION_ADMINS",
        (),
        "Operators, `discord/USER_ID` with commas between. Whoever manages a server is admin there without being listed.",
    )
    alerts: Alerts | None = _setting(
        "STILLMOTION_ALERTS",
        None,
        "Where operators are told what they must hear, once a cause: a channel, `discord/CHANNEL_ID`, or an https address that takes JSON, as chat webhooks do. `doctor` lists the same.",
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
    user_limit: Limits = _setting(
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
    max_in_flight: Counts = _setting(
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
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Upper] = _setting(
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
        plain = {name: unquoted(value) if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in plain.items() if value != ""}

    def key(self, access: Access) -> str | None:
        """Return a provider's key, or None where it has none here."""
        found: SecretStr | None = getattr(self, _field(access.key_setting))
        return None if found is None else found.get_secret_value()

    def bases(self, access: Access) -> tuple[str, ...]:
        """Return where a provider's hosts are reached, in their order."""
        return tuple(getattr(self, _field(host.setting)) for host in access.hosts)

    def aws(self) -> dict[str, str]:
        """Return how a bucket is reached, by the names that its own ecosystem uses."""
        written = env_file()
        given = {name: os.environ.get(name) or written.get(name) for name in _AWS}
        return {name: unquoted(value) for name, value in given.items() if value}

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


def _field(name: str) -> str:
    return name.lower()


def _with_providers() -> type[Settings]:
    """Return the settings together with those that the providers' files declare: a key and where each host is."""
    found = discover().values()
    return _joined(tuple((each.access, tuple(each.by_offer)) for each in found if each.access is not None))


@cache
def _joined(providers: tuple[tuple[Access, tuple[str, ...]], ...]) -> type[Settings]:
    declared: dict[str, Any] = {}
    for access, offers in providers:
        key, people = access.key_setting, ", ".join(f"`{offer}`" for offer in offers)
        declared[_field(key)] = (Key | None, _setting(key, None, f"The key that turns {people} on."))
        for host in access.hosts:
            meaning = f"Another address for {host.default}; a path in front of its own is kept."
            declared[_field(host.setting)] = (Address, _setting(host.setting, host.default, meaning))
    return create_model("Settings", __base__=Settings, **declared)


def load(**given: Any) -> Settings:
    """Read the settings; what is given, by the fields' names, goes before the environment.

    Raises:
        BadSettings: one of them is not what it must be, or `.env` cannot be read.
    """
    try:
        settings = _with_providers()
        return settings(**{_name(settings, field): value for field, value in given.items()})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"][:1])) or "settings"
        told = first["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
        raise BadSettings(f"{name}: {told}.") from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadSettings(f"{Path('.env').absolute()} cannot be read: {why}.") from error


def _name(settings: type[Settings], field: str) -> str:
    return str(settings.model_fields[field].validation_alias)


def table() -> list[tuple[str, str, str]]:
    """Return each setting's name, default and meaning, in the order of their declaration."""
    settings = _with_providers()
    return [
        (_name(settings, field), "" if info.default is None else _written(info.default), info.description or "")
        for field, info in settings.model_fields.items()
    ]


def _written(default: Any) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return ",".join(default) if isinstance(default, tuple) else "" if default == {} else str(default)


def env_file() -> Mapping[str, str | None]:
    """Return what `.env` says; a name without a value is a line that says nothing."""
    return dotenv_values(".env") if Path(".env").is_file() else {}


def environment() -> Mapping[str, str]:
    """Return the environment, for what is written there by others: proxies, a time zone, names that are no settings."""
    return os.environ


def login() -> str:
    """Return who runs this process, as limits and jobs name a person at a terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
