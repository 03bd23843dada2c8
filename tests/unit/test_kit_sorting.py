"""What providers say of a failure: its kind by their words, what a reply proves, and what of it operators may see."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from providers import fal
from providers.kit.errors import (
    BadCredentials,
    BadInput,
    MediaUnreachable,
    Moderated,
    NoCredit,
    NoJob,
    RateLimited,
    Withdrawn,
)
from providers.kit.provider import Api, Connection, Media, Order
from providers.kit.reply import Document, Reply
from providers.kit.sorting import PROOFS, kind_of, proof, told

# -- kinds, by free text


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("DataInspectionFailed: Input data may contain inappropriate content.", "moderated"),
        ("Output data may contain inappropriate content.", "moderated"),
        ("data_inspection_failed", "moderated"),
        ("IPInfringementSuspect", "moderated"),
        ("ILLEGAL_PROMPT", "moderated"),
        ("ILLEGAL_IMAGE_CONTENT", "moderated"),
        ("content_policy_violation", "moderated"),
        ("It goes against our content policy.", "moderated"),
        ("NSFW content found", "moderated"),
        ("blocked by moderation", "moderated"),
        ("a sensitive word", "moderated"),
        ("InvalidParameter.DataInspection: Unable to download the media resource", "media_unreachable"),
        ("Unable to download the media resource during the data inspection process", "media_unreachable"),
        ("Failed to download the image", "media_unreachable"),
        ("failed to fetch https", "media_unreachable"),
        ("download the media resource timed out during the data inspection process", "media_unreachable"),
        ("file_download_error", "media_unreachable"),
        ("InvalidParameter: duration must be 5 or 10", "bad_input"),
        ("InvalidImage.FileFormat", "bad_input"),
        ("InvalidAudio.FileFormat", "bad_input"),
        ("INVALID_IMAGE_FORMAT", "bad_input"),
        ("INVALID_AUDIO_FILE", "bad_input"),
        ("unsupported_image_format", "bad_input"),
        ("InternalError.Algo", "provider_error"),
        ("Throttling.RateQuota", "provider_error"),
        ("GPU on fire", "provider_error"),
        ("", "provider_error"),
    ],
)
def test_a_failure_s_kind_is_read_from_its_words(words: str, kind: str) -> None:
    """Alibaba's leak through all three; a picture that was not fetched is no picture that was not liked."""
    assert kind_of(words) == kind
    assert kind_of(words.upper()) == kind
    assert kind_of(f"task failed\n({words})") == kind


# -- what a reply proves


@pytest.mark.parametrize("status", [100, 200, 201, 204, 301, 302, 307, 408, 409, 425, 499, 500, 502, 503, 504, 520])
def test_these_statuses_prove_nothing_whatever_they_say(status: int) -> None:
    """A job may be there, and be paid for."""
    for words in ("", "content_policy_violation", "balance", "unable to download"):
        assert proof(Reply(status), words) is None


@pytest.mark.parametrize(
    ("status", "words", "proven"),
    [
        (400, "", BadInput),
        (400, "ILLEGAL_PROMPT", Moderated),
        (400, "BILLING_BALANCE_NOT_ENOUGH", NoCredit),
        (401, "", BadCredentials),
        (401, "Free-tier credits are used up", NoCredit),
        (402, "", NoCredit),
        (402, "ILLEGAL_PROMPT", NoCredit),
        (403, "INVALID_API_KEY", BadCredentials),
        (403, "insufficient funds", NoCredit),
        (403, "ILLEGAL_PROMPT", BadCredentials),
        (404, "balance", Withdrawn),
        (404, "ILLEGAL_PROMPT", Withdrawn),
        (405, "", Withdrawn),
        (413, "", BadInput),
        (415, "unsupported_image_format", BadInput),
        (422, "image_too_small", BadInput),
        (422, "content_policy_violation", Moderated),
        (422, "file_download_error", MediaUnreachable),
        (429, "your balance", RateLimited),
        (429, "nsfw", RateLimited),
    ],
)
def test_a_refusal_is_nobodys_the_persons_or_the_operators(status: int, words: str, proven: type[NoJob]) -> None:
    """Only what the person can mend is told to the person; only what is the account's stops the account."""
    found = proof(Reply(status), words)
    assert type(found) is proven


@pytest.mark.parametrize("status", PROOFS)
def test_a_proof_carries_the_wait_and_none_of_the_words(status: int) -> None:
    """They may hold what a person wrote, and an exception may end in a log."""
    found = proof(Reply(status, retry_after_s=7.0), "a cat on https://a.example/x?key=1")
    assert found is not None
    assert (found.retry_after_s, found.detail, str(found)) == (7.0, f"status {status}", f"status {status}")


def test_which_words_mean_an_empty_account_is_the_provider_s_to_say() -> None:
    """Credit is a word of many refusals."""
    assert type(proof(Reply(403), "Account locked", no_credit="balance|locked")) is NoCredit
    assert type(proof(Reply(400), "add a credit line", no_credit="balance|locked")) is BadInput


class _Refusing:
    """An API that refuses every paid call as malformed and quotes it, as fal does."""

    async def pay(self, path: str, body: dict[str, Any], **others: Any) -> Reply:
        problem = {"loc": ["body", "image_url"], "msg": "Image is too small", "type": "image_too_small", "input": body}
        return Reply(422, document=Document({"detail": [problem]}))


@pytest.mark.parametrize(
    "prompt", ["she keeps her balance", "a locked door", "an illegal street race", "nsfw", "unable to download a car"]
)
async def test_a_persons_own_words_in_a_refusal_are_not_the_provider_s(tmp_path: Any, prompt: str) -> None:
    """A gymnast's balance must not close the account for everybody and wake its operator."""
    image = Media(path=tmp_path / "x.jpg", mime="image/jpeg", sha256="a" * 64, size_bytes=1, link="https://a.example/x")
    order = Order(key="7K3Q9FD2", spec=fal.WAN_2_5, prompt=prompt, options={}, image=image)
    with pytest.raises(NoJob) as refused:
        await fal.submit(Connection(workdir=tmp_path, api=cast("Api", _Refusing())), order)
    assert type(refused.value) is BadInput


# -- what operators may see


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ("GPU on fire", "GPU on fire"),
        ("\x1b[31mred\x1b[0m", "31mred 0m"),
        ("\x9b31mred", "31mred"),
        ("one\r\ntwo\ttwo\x0bthree", "one two two three"),
        ("line\u2028paragraph\u2029end\x85", "line paragraph end"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\ufeffzero\u200bwidth", "zero width"),
        ("\x00\x07\x08bell", "bell"),
        ("half \ud83d a pair", "half a pair"),
        ("*bold* `code` <@1> [x](y) $(rm)", "bold code 1 x (y) (rm)"),
        ("für 猫 кот", "für 猫 кот"),
        ("  ", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_what_operators_see_is_plain(words: str | None, seen: str) -> None:
    """A provider's text can neither steer a terminal nor call somebody in a chat."""
    assert told(words) == seen


@given(some.text(some.characters()) | some.text("\x1b[]()0123456789;mHJ\r\n\x9b\u202e ab"))
def test_whatever_was_said_is_one_short_line_that_can_be_printed(words: str) -> None:
    """It stands in a log, in a terminal and in the database."""
    seen = told(words)
    assert len(seen) <= 160
    assert seen.isprintable()
    assert len(seen.splitlines()) <= 1
    assert "  " not in seen
    assert seen.encode().decode() == seen
    assert not seen.startswith(" ")


def test_a_long_text_is_cut_to_one_short_line() -> None:
    """A provider may send a page."""
    assert told("word " * 10_000).strip() == ("word " * 32).strip()
