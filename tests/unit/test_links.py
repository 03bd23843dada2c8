"""Addresses that nobody can guess, and what makes them so."""

from __future__ import annotations

import pytest

from bot.links import Links, job_of

LINKS = Links(b"a secret of this installation", "https://bot.example.org/stillmotion")
MEDIA = LINKS.media("7K3Q9FD2", "image", "image/jpeg")
VIDEO = LINKS.video("7K3Q9FD2", 1_788_264_000)
HOOK = LINKS.hook("fal", "7K3Q9FD2.2")


def last(link: str) -> str:
    """Return what follows the last slash."""
    return link.rpartition("/")[2]


@pytest.mark.parametrize(
    ("mime", "suffix"), [("image/jpeg", "jpg"), ("image/png", "png"), ("audio/mpeg", "mp3"), ("audio/wav", "wav")]
)
def test_a_file_is_named_for_what_it_is(mime: str, suffix: str) -> None:
    """Some providers go by the name alone."""
    link = LINKS.media("7K3Q9FD2", "audio", mime)
    assert link.startswith("https://bot.example.org/stillmotion/media/7K3Q9FD2/audio/")
    assert link.endswith(f".{suffix}")
    assert LINKS.is_media("7K3Q9FD2", "audio", last(link))


def test_a_webhook_has_an_address_for_each_provider_and_order() -> None:
    """Under the public address, whatever path it has."""
    assert HOOK.startswith("https://bot.example.org/stillmotion/hooks/fal/7K3Q9FD2.2/")
    assert LINKS.is_hook("fal", "7K3Q9FD2.2", last(HOOK))
    assert LINKS.prefix == "/stillmotion"
    assert (Links(b"k", "https://h").prefix, Links(b"k", None).prefix) == ("", "")


def test_a_token_has_more_than_128_bits() -> None:
    """Of base32, where a character has five."""
    assert 5 * len(last(HOOK)) == 5 * len(last(MEDIA).removesuffix(".jpg")) >= 128


@pytest.mark.parametrize(
    ("order_key", "role", "file"),
    [
        ("7K3Q9FD3", "image", last(MEDIA)),
        ("7K3Q9FD2.2", "image", last(MEDIA)),
        ("7K3Q9FD2", "audio", last(MEDIA)),
        ("7K3Q9FD2", "image", last(MEDIA).replace(".jpg", ".png")),
        ("7K3Q9FD2", "image", last(MEDIA).removesuffix(".jpg")),
        ("7K3Q9FD2", "image", last(MEDIA).upper()),
        ("7K3Q9FD2", "image", last(MEDIA)[1:]),
        ("7K3Q9FD2", "image", ""),
        ("7K3Q9FD2", "image", "é\ud800.jpg"),
        ("7K3Q9FD2", "image", last(LINKS.object_name("7K3Q9FD2", "image", "image/jpeg"))),
        ("7K3Q9FD2", "image", last(Links(b"another", "https://h").media("7K3Q9FD2", "image", "image/jpeg"))),
    ],
)
def test_a_media_token_is_good_for_one_input_of_one_order(order_key: str, role: str, file: str) -> None:
    """Who knows one link knows no other."""
    assert not LINKS.is_media(order_key, role, file)


@pytest.mark.parametrize(
    ("provider", "order_key", "token"),
    [
        ("novita", "7K3Q9FD2.2", last(HOOK)),
        ("fal", "7K3Q9FD2", last(HOOK)),
        ("fal", "7K3Q9FD2.2", last(HOOK)[:-1]),
        ("fal", "7K3Q9FD2.2", "é"),
    ],
)
def test_a_webhooks_token_is_good_for_one_order_at_one_provider(provider: str, order_key: str, token: str) -> None:
    """A provider cannot speak for another one, nor of another order."""
    assert not LINKS.is_hook(provider, order_key, token)


@pytest.mark.parametrize(
    ("job", "until_s", "file"),
    [
        ("7K3Q9FD3", "1788264000", last(VIDEO)),
        ("7K3Q9FD2", "1788264001", last(VIDEO)),
        ("7K3Q9FD2", "1788264000", last(MEDIA).replace(".jpg", ".mp4")),
        ("7K3Q9FD2", "1788264000", "é"),
    ],
)
def test_a_videos_link_is_good_for_one_video_until_its_end(job: str, until_s: str, file: str) -> None:
    """Nobody makes it last longer."""
    assert LINKS.is_video("7K3Q9FD2", "1788264000", last(VIDEO))
    assert not LINKS.is_video(job, until_s, file)


def test_the_same_secret_makes_the_same_links_after_a_restart() -> None:
    """No table is kept: what was handed out before goes on working, and an object in a bucket is found again."""
    again = Links(b"a secret of this installation", "https://elsewhere.example.org")
    assert again.is_media("7K3Q9FD2", "image", last(MEDIA))
    assert again.object_name("7K3Q9FD2", "image", "image/png") == LINKS.object_name("7K3Q9FD2", "image", "image/png")


def test_an_orders_key_names_its_job() -> None:
    """From the second submit on a number follows."""
    assert (job_of("7K3Q9FD2"), job_of("7K3Q9FD2.12")) == ("7K3Q9FD2", "7K3Q9FD2")
