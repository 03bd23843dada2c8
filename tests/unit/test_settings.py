"""Settings: what each takes, what is refused in words, and what is remarked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import settings
from bot.remarks import remarks
from bot.settings import BadSettings, load


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, _, _ in settings.table():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_the_documented_defaults_hold(tmp_path: Path) -> None:
    """Everything is beside the working directory, and a person has five videos a day, two at once."""
    found = load()
    assert found.database == tmp_path / "stillmotion.db"
    assert found.media == tmp_path / "media"
    assert (found.user_limit, found.user_max_open, found.timezone) == ("5/day", 2, "UTC")
    assert (found.route, found.max_in_flight, found.default_model) == (("price",), {}, None)
    assert found.rules.budget_usd_micros is found.rules.scope_budget_usd_micros is None
    assert found.price_list() == {}


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command may set what the operator left open, by the field's name."""
    monkeypatch.setenv("STILLMOTION_USER_LIMIT", "1/day")
    assert load(user_limit="none").user_limit == "none"
    assert load().user_limit == "1/day"


def test_a_path_with_four_slashes_is_absolute_and_media_lie_beside_it() -> None:
    """Three slashes are relative to the working directory."""
    found = load(database_url="sqlite:////var/lib/bot/jobs.db")
    assert (found.database, found.media) == (Path("/var/lib/bot/jobs.db"), Path("/var/lib/bot/media"))
    assert load(media_dir="elsewhere").media == Path("elsewhere").absolute()


def test_lists_and_pairs_are_read_as_people_write_them() -> None:
    """Commas, with blanks around what counts."""
    found = load(route=" fal , novita,", max_in_flight="local=1, wan2.5@fal=2")
    assert found.route == ("fal", "novita")
    assert found.max_in_flight == {"local": 1, "wan2.5@fal": 2}


def test_places_and_people_are_listed_by_platform_and_number() -> None:
    """Nothing listed is not the same as an empty list: then the operator's own servers are meant."""
    found = load(scopes="discord/1, slack/T0AB", admins="discord/7,")
    assert (found.scopes, found.admins) == (("discord/1", "slack/T0AB"), ("discord/7",))
    assert (load().scopes, load().admins, load().allow_dm) == (None, (), False)
    assert load(scopes="*").scopes == ("*",)
    assert load(allow_dm="on").allow_dm


def test_dollars_are_whole_millionths() -> None:
    """No binary fraction ever touches money."""
    rules = load(budget_usd="0.1", scope_budget_usd="19.99").rules
    assert (rules.budget_usd_micros, rules.scope_budget_usd_micros) == (100_000, 19_990_000)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("STILLMOTION_DATABASE_URL", "postgresql://u:secret@h/d", "postgresql: databases are not supported"),
        ("STILLMOTION_DATABASE_URL", "stillmotion.db", "databases are not supported"),
        ("STILLMOTION_DATABASE_URL", "sqlite://", "write sqlite:/// and a path"),
        ("STILLMOTION_DATABASE_URL", "sqlite:///", "write sqlite:/// and a path"),
        ("STILLMOTION_TIMEZONE", "Mars/Olympus", "there is no time zone Mars/Olympus"),
        ("STILLMOTION_TIMEZONE", "../../etc/passwd", "there is no time zone"),
        ("STILLMOTION_TIMEZONE", "Europe", "there is no time zone Europe"),
        ("STILLMOTION_USER_LIMIT", "5", "5 is no limit"),
        ("STILLMOTION_USER_LIMIT", "5/day,x", "x is no limit"),
        ("STILLMOTION_USER_MAX_OPEN", "0", "greater than or equal to 1"),
        ("STILLMOTION_USER_MAX_OPEN", "two", "a valid integer"),
        ("STILLMOTION_KEEP_DAYS", "99999", "less than or equal to 3650"),
        ("STILLMOTION_BUDGET_USD", "-1", "greater than or equal to 0"),
        ("STILLMOTION_BUDGET_USD", "nan", "finite number"),
        ("STILLMOTION_BUDGET_USD", "1e30", "less than or equal to"),
        ("STILLMOTION_JOB_DEADLINE_S", "9999999999999999999999", "less than or equal to"),
        ("STILLMOTION_MAX_IN_FLIGHT", "fal", "write it like fal=2"),
        ("STILLMOTION_MAX_IN_FLIGHT", "fal=0", "write it like fal=2"),
        ("STILLMOTION_MAX_IN_FLIGHT", "fal=²", "write it like fal=2"),
        ("STILLMOTION_PUBLIC_URL", "bot.example.org", "write it like https://host"),
        ("STILLMOTION_PUBLIC_URL", "https://bot.example.org/?a=b", "write it like https://host"),
        ("STILLMOTION_PUBLIC_URL", "https://me:secret@bot.example.org", "write it like https://host"),
        ("STILLMOTION_HTTP_PORT", "0", "greater than or equal to 1"),
        ("STILLMOTION_HTTP_PORT", "65536", "less than or equal to 65535"),
        ("STILLMOTION_MEDIA_BUCKET", "/var/media", "write it like s3://bucket"),
        ("STILLMOTION_MEDIA_BUCKET", "s3://Bucket?secret=1", "write it like s3://bucket"),
        ("NOVITA_BASE_URL", "ftp://127.0.0.1", "write it like https://host"),
        ("NOVITA_BASE_URL", "http://127.0.0.1:99999", "Port out of range"),
        ("FAL_KEY", "secret and more", "letters that no key has"),
        ("FAL_KEY", "secrét", "letters that no key has"),
        ("DISCORD_BOT_TOKEN", "Bot secret", "letters that no key has"),
        ("DISCORD_API_BASE_URL", "discord.com/api", "write it like https://host"),
        ("STILLMOTION_SCOPES", "1417245860123456789", "write it like discord/SERVER_ID"),
        ("STILLMOTION_SCOPES", "discord/1, irc/2", "write it like discord/SERVER_ID"),
        ("STILLMOTION_SCOPES", "discord/Harbour", "write it like discord/SERVER_ID"),
        ("STILLMOTION_SCOPES", ",", "or * for all"),
        ("STILLMOTION_ADMINS", "maya", "write it like discord/USER_ID"),
        ("STILLMOTION_ADMINS", "*", "write it like discord/USER_ID"),
        ("STILLMOTION_ALERTS", "http://chat.example.org/hooks/secret", "write it like discord/CHANNEL_ID"),
        ("STILLMOTION_ALERTS", "#secret", "or https://host/path"),
        ("STILLMOTION_ALLOW_DM", "maybe", "a valid boolean"),
        ("STILLMOTION_LOG_LEVEL", "loud", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("STILLMOTION_LOG_FORMAT", "xml", "'console' or 'json'"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_it_takes(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    """One sentence, without any value that could be a secret."""
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as bad:
        load()
    assert str(bad.value).startswith(f"{name}: ")
    assert str(bad.value).endswith(".")
    assert told in str(bad.value)
    assert "secret" not in str(bad.value)


def test_prices_are_read_per_offer_resolution_and_length(tmp_path: Path) -> None:
    """In dollars there, in millionths here."""
    (tmp_path / "prices.toml").write_text('["wan2.5@fal"."720p"]\n5 = 0.50\n10 = 1\n')
    assert load(prices="prices.toml").price_list() == {"wan2.5@fal": {"720p": {5: 500_000, 10: 1_000_000}}}


@pytest.mark.parametrize(
    "text", ["5", '"wan" = 5', '["a"."b"]\nfive = 1', '["a"."b"]\n5 = "x"', '["a"."b"]\n5 = -1', '["a"."b"]\n5 = inf']
)
def test_a_price_list_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """The setting and the file are named."""
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(BadSettings, match=r"STILLMOTION_PRICES: prices\.toml cannot be read as prices"):
        load(prices="prices.toml").price_list()


def test_a_secret_is_never_shown() -> None:
    """Not even where the settings are printed."""
    assert "hush" not in repr(load(secret_key="hush", discord_bot_token="hush", alerts="https://hush.example"))


@pytest.mark.parametrize("zone", ["Europe/Berlin", ":Europe/Berlin", "CET-1CEST", "<+03>-3", "UTC", ""])
def test_a_good_zone_of_the_machine_is_not_remarked(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """As the system itself would read it."""
    monkeypatch.setenv("TZ", zone)
    assert remarks() == []


def test_what_looks_like_a_setting_and_is_none_is_remarked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error would otherwise go unnoticed."""
    monkeypatch.setenv("STILLMOTION_USER_LIMITS", "5/day")
    assert remarks() == ["STILLMOTION_USER_LIMITS is set, but there is no such setting."]


def test_the_login_names_a_person_even_without_a_password_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, whose user has a number only."""
    monkeypatch.setenv("LOGNAME", "ana")
    assert settings.login() == "ana"


SAMPLES = {
    "DISCORD_BOT_TOKEN": "hush.hush",
    "DISCORD_API_BASE_URL": "http://127.0.0.1:9000/discord/api/v10",
    "STILLMOTION_DATABASE_URL": "sqlite:///other.db",
    "STILLMOTION_MEDIA_DIR": "kept",
    "STILLMOTION_MEDIA_BUCKET": "s3://kept/here",
    "STILLMOTION_PUBLIC_URL": "https://bot.example.org/still",
    "STILLMOTION_HTTP_HOST": "::",
    "STILLMOTION_HTTP_PORT": "9000",
    "STILLMOTION_METRICS_PORT": "0",
    "STILLMOTION_TRUSTED_HOSTS": "10.0.0.7:9000,bucket.lan",
    "STILLMOTION_KEEP_DAYS": "3",
    "STILLMOTION_TIMEZONE": "Europe/Berlin",
    "STILLMOTION_SCOPES": "discord/1,slack/T1",
    "STILLMOTION_ALLOW_DM": "on",
    "STILLMOTION_ADMINS": "discord/7",
    "STILLMOTION_ALERTS": "https://chat.example.org/hooks/hush",
    "STILLMOTION_DEFAULT_MODEL": "preview",
    "STILLMOTION_ROUTE": "speed",
    "STILLMOTION_USER_LIMIT": "7/day",
    "STILLMOTION_USER_MAX_OPEN": "9",
    "STILLMOTION_SCOPE_BUDGET_USD": "1.50",
    "STILLMOTION_BUDGET_USD": "20",
    "STILLMOTION_PRICES": "prices.toml",
    "STILLMOTION_MAX_IN_FLIGHT": "local=1",
    "STILLMOTION_JOB_DEADLINE_S": "20",
    "STILLMOTION_SECRET_KEY": "hush",
    "STILLMOTION_LOG_LEVEL": "debug",
    "STILLMOTION_LOG_FORMAT": "json",
    "AIMLAPI_API_KEY": "hush",
    "AIMLAPI_BASE_URL": "http://[::1]:9000/aimlapi",
    "FAL_KEY": "id:hush",
    "FAL_QUEUE_BASE_URL": "http://127.0.0.1:9000/fal",
    "FAL_REST_BASE_URL": "http://127.0.0.1:9000/rest",
    "NOVITA_API_KEY": "hush",
    "NOVITA_BASE_URL": "https://api.ppinfra.example",
}


def test_every_setting_is_tried_here() -> None:
    """A new one joins the list above."""
    assert [name for name, _, _ in settings.table()] == list(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_quotes_and_blanks_around_a_setting_mean_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As an env file writes them; a value changes something, a blank one nothing."""
    default = load()
    monkeypatch.setenv(name, SAMPLES[name])
    plain = load()
    assert plain != default
    for quoted in (f'"{SAMPLES[name]}"', f"'{SAMPLES[name]}'", f'  "{SAMPLES[name]}" ', f" {SAMPLES[name]} "):
        monkeypatch.setenv(name, quoted)
        assert load() == plain
    for blank in ("", " ", "''", '""'):
        monkeypatch.setenv(name, blank)
        assert load() == default
