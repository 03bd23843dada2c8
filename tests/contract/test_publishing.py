"""Which way prepared files become links, and a bucket that checks what it is asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bot.bucket import Bucket, BucketTrouble
from bot.links import Links
from bot.publishing import Publisher
from providers import fal, local
from providers.kit.api import HttpApi
from providers.kit.errors import Unanswered, Unpublished
from providers.kit.provider import Connection, Media, Provider
from storage.contract import Input
from tests.contract.test_hooks import fal_api
from tests.contract.test_public import NOWHERE
from tests.fakes.bucket import SECRET_KEY, FakeBucket, fake_bucket

ORDER = "7K3Q9FD2"
PICTURE = Input(role="image", blob="a1" * 32, mime="image/jpeg", size_bytes=5)
SOUND = Input(role="audio", blob="b2" * 32, mime="audio/mpeg", size_bytes=5)
ABROAD, AT_HOME = Links(b"secret", "https://bot.example.org"), Links(b"secret", None)
DAY_S = 24 * 3600


@pytest.fixture(autouse=True)
def _no_aws_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave whatever bucket and proxy this machine has alone."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def there() -> Iterator[FakeBucket]:
    """A bucket at the socket."""
    with fake_bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(there: FakeBucket) -> Bucket:
    """The same from our side, in a folder of it."""
    return Bucket("s3://pictures/of/bot", there.environment())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file in the making."""
    path = tmp_path / "prepared"
    path.write_bytes(b"bytes")
    return path


def media(path: Path, of: Input = PICTURE) -> Media:
    return Media(path=path, mime=of.mime, sha256=of.blob, size_bytes=of.size_bytes)


async def fetched(link: str) -> httpx.Response:
    """Fetch as a provider does, who has the link alone."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(link)


async def test_a_file_in_a_bucket_is_fetched_by_its_link_alone(bucket: Bucket, there: FakeBucket, file: Path) -> None:
    """As what it is, under the prefix, by a signature that the bucket itself works out."""
    await bucket.put("a b/c.jpg", file, "image/jpeg")
    answer = await fetched(await bucket.link("a b/c.jpg", DAY_S))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"bytes", "image/jpeg")
    assert list(there.objects) == ["pictures/of/bot/a%20b/c.jpg"]


async def test_a_link_lapses(bucket: Bucket, there: FakeBucket, file: Path) -> None:
    """A day is what the slowest provider needs, and no more."""
    await bucket.put("c.jpg", file, "image/jpeg")
    link = await bucket.link("c.jpg", DAY_S)
    there.later_s = DAY_S - 60
    assert (await fetched(link)).status_code == 200
    there.later_s = DAY_S + 60
    assert (await fetched(link)).status_code == 403


@pytest.mark.parametrize(("what", "instead"), [("c.jpg", "d.jpg"), ("Expires=86400", "Expires=604800"), ("?", "?x=1&")])
async def test_a_link_is_good_for_just_what_it_says(
    what: str, instead: str, bucket: Bucket, there: FakeBucket, file: Path
) -> None:
    """The bucket's own check, so that the one above means something."""
    for name in ("c.jpg", "d.jpg"):
        await bucket.put(name, file, "image/jpeg")
    link = await bucket.link("c.jpg", DAY_S)
    assert (await fetched(link.replace(what, instead))).status_code == 403
    assert (await fetched(link.partition("?")[0])).status_code == 403


async def test_a_file_is_removed_once_or_twice(bucket: Bucket, there: FakeBucket, file: Path) -> None:
    """By a plain DELETE, which every bucket knows."""
    await bucket.put("c.jpg", file, "image/jpeg")
    await bucket.remove("c.jpg")
    await bucket.remove("c.jpg")
    assert there.objects == {}
    assert there.asked[-1] == "DELETE /pictures/of/bot/c.jpg"


async def test_the_environment_says_how_the_bucket_is_reached(
    there: FakeBucket, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the names that everybody uses, over plain http where it is one's own."""
    for name, value in there.environment().items():
        monkeypatch.setenv(name, value)
    bucket = Bucket("s3://pictures")
    await bucket.put("c.jpg", file, "image/jpeg")
    assert (await fetched(await bucket.link("c.jpg", 60))).content == b"bytes"


async def test_a_bucket_that_refuses_is_told_without_names_or_keys(there: FakeBucket, file: Path) -> None:
    """What the error says may be logged."""
    wrong = Bucket("s3://pictures", there.environment() | {"AWS_SECRET_ACCESS_KEY": "canary"})
    with pytest.raises(BucketTrouble) as refused:
        await wrong.put("canary.jpg", file, "image/jpeg")
    assert "canary" not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert there.objects == {}


def test_keys_that_do_not_go_together_are_told_at_once() -> None:
    """An access key without its secret is a mistake in the settings."""
    with pytest.raises(BucketTrouble):
        Bucket("s3://pictures", {"AWS_ACCESS_KEY_ID": "AKCANARY"})


async def _published(connection: Connection, sent: Media) -> str:
    return f"https://storage.example.org/{sent.sha256}"


async def _refuses(connection: Connection, sent: Media) -> str:
    raise Unanswered("status 403")


@pytest.fixture
def api() -> HttpApi:
    """An API that nobody answers at."""
    return fal_api(NOWHERE)


def storage(api: HttpApi, folder: Path, provider: Provider | None = None) -> tuple[Provider, Connection]:
    """Return a provider with storage and a key."""
    return provider or replace(fal.PROVIDER, publish=_published), Connection(workdir=folder, api=api)


async def test_our_own_side_goes_before_a_bucket_and_a_bucket_before_a_provider(
    bucket: Bucket, there: FakeBucket, file: Path, api: HttpApi
) -> None:
    """The first way keeps the bytes nearest, and ends soonest."""
    stored = [storage(api, file.parent)]
    own = await Publisher(ABROAD, bucket, stored).link(ORDER, "image", media(file))
    assert own == ABROAD.media(ORDER, "image", "image/jpeg")
    assert there.objects == {}
    signed = await Publisher(AT_HOME, bucket, stored).link(ORDER, "image", media(file))
    assert (await fetched(signed)).content == b"bytes"
    assert list(there.objects) == [f"pictures/of/bot/{AT_HOME.object_name(ORDER, 'image', 'image/jpeg')}"]
    lent = await Publisher(AT_HOME, None, stored).link(ORDER, "image", media(file))
    assert lent == f"https://storage.example.org/{PICTURE.blob}"


async def test_only_a_provider_with_storage_and_a_key_lends_it(file: Path, api: HttpApi) -> None:
    """In the order of the listing."""
    keyless = (replace(fal.PROVIDER, publish=_refuses), Connection(workdir=file.parent))
    without = storage(api, file.parent, local.PROVIDER)
    assert not Publisher(AT_HOME, None, [keyless, without]).can
    assert not Publisher(AT_HOME, None, []).can
    publisher = Publisher(AT_HOME, None, [keyless, without, storage(api, file.parent)])
    assert publisher.can
    assert (await publisher.link(ORDER, "image", media(file))).startswith("https://storage.example.org/")


def test_any_one_way_is_enough(bucket: Bucket) -> None:
    """What is on can be told before anything is published."""
    assert Publisher(ABROAD, None, []).can
    assert Publisher(AT_HOME, bucket, []).can


async def test_where_there_is_no_way_nothing_is_published(file: Path) -> None:
    """The submit was not made, and is made when there is one."""
    with pytest.raises(Unpublished):
        await Publisher(AT_HOME, None, []).link(ORDER, "image", media(file))


async def test_a_way_that_fails_is_told_and_no_other_is_taken(
    bucket: Bucket, there: FakeBucket, file: Path, api: HttpApi
) -> None:
    """An operator who chose a bucket did not choose to lend bytes to a provider; the reason may be logged."""
    there.down = True
    with pytest.raises(Unpublished, match="bucket") as unpublished:
        await Publisher(AT_HOME, bucket, [storage(api, file.parent)]).link(ORDER, "image", media(file))
    assert ORDER not in str(unpublished.value)
    refusing = storage(api, file.parent, replace(fal.PROVIDER, publish=_refuses))
    with pytest.raises(Unpublished, match="status 403"):
        await Publisher(AT_HOME, None, [refusing]).link(ORDER, "image", media(file))


async def test_a_picture_that_is_gone_from_the_disk_is_not_published(bucket: Bucket, tmp_path: Path) -> None:
    """Nor is its path told."""
    with pytest.raises(Unpublished) as unpublished:
        await Publisher(AT_HOME, bucket, []).link(ORDER, "image", media(tmp_path / "gone"))
    assert "gone" not in str(unpublished.value)


async def test_what_was_put_into_a_bucket_for_a_job_is_removed(bucket: Bucket, there: FakeBucket, file: Path) -> None:
    """However often it was submitted, also after a restart: the names are found again, and another job's stay."""
    for order in (ORDER, f"{ORDER}.2", "7K3Q9FD3"):
        for each in (PICTURE, SOUND):
            await Publisher(AT_HOME, bucket, []).link(order, each.role, media(file, each))
    await Publisher(Links(b"secret", None), bucket, []).withdraw(f"{ORDER}.2", [PICTURE, SOUND])
    assert len(there.objects) == 2
    assert all("/7K3Q9FD3/" in name for name in there.objects)


async def test_a_bucket_that_does_not_remove_is_logged_and_holds_nothing_up(
    bucket: Bucket, there: FakeBucket, caplog: pytest.LogCaptureFixture
) -> None:
    """A job's end waits for no bucket."""
    there.down = True
    with caplog.at_level(logging.INFO):
        await Publisher(AT_HOME, bucket, []).withdraw(ORDER, [PICTURE])
    assert "inputs stay in the bucket" in caplog.text
    assert ORDER not in caplog.text


@pytest.mark.parametrize("links", [ABROAD, AT_HOME])
async def test_where_nothing_is_in_a_bucket_nothing_is_removed(links: Links, there: FakeBucket, bucket: Bucket) -> None:
    """Our own links end with the job's state, a provider's storage by itself."""
    await Publisher(links, bucket if links is ABROAD else None, []).withdraw(ORDER, [PICTURE])
    assert there.asked == []


def test_a_secret_is_in_nobodys_words(bucket: Bucket) -> None:
    """Whatever of ours is printed by accident holds no key."""
    publisher = Publisher(AT_HOME, bucket, [])
    assert SECRET_KEY not in f"{publisher!r} {bucket!r} {AT_HOME!r}"
