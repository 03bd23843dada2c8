"""Hosted offers from the command line: a video from each, what is sent beforehand, what is off and why, and one provider more."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import pytest
import trustme

from tests.e2e.cli import PLAIN, Cli, Zygote
from tests.e2e.hosted import FAKES, settings_of, trusting
from tests.fakes.hosted import Fake, Fault
from tests.fakes.hosted_media import Answer, Request, Server
from tests.fakes.provider_video import video

SIXTH = Path(__file__).with_name("sixth.py")
OFFERS = ("wan2.5@aimlapi", "wan2.5@fal", "wan2.5@novita", "wan2.6@novita", "wan2.1@novita")
DREAM = ("animate", "photo.png", "a cat walks")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


def public() -> dict[str, str]:
    """Return settings under which the stand-ins reach us."""
    port = free_port()
    return {"STILLMOTION_PUBLIC_URL": f"http://127.0.0.1:{port}/still", "STILLMOTION_HTTP_PORT": str(port)}


@pytest.fixture
def fakes(tmp_path: Path) -> Iterator[dict[str, Fake]]:
    """All three providers, each of whose jobs is over at the first look."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(kind.serving(tmp_path / name)) for name, kind in FAKES.items()}
        for fake in found.values():
            fake.looks = 0
        yield found


def unlinked(body: Any) -> Any:
    """Return a body without where its media are, where its webhook is, and what chance chose."""
    text = json.dumps(body)
    for media in ("image_url", "img_url", "audio_url", "url"):
        text = text.replace(f'"{media}"', f'"{media}-of"')
    parsed = json.loads(text)

    def plain(found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        return {key: "-" if key.endswith("-of") else plain(value) for key, value in found.items() if key != "seed"}

    return plain(parsed)


@pytest.mark.parametrize("offer", OFFERS)
def test_each_offer_makes_a_video_and_a_dry_run_tells_what_is_sent(
    cli: Cli, fakes: dict[str, Fake], offer: str
) -> None:
    """End to end against an address with a path in front, with a sound where the offer takes one."""
    fake, env = fakes[offer.partition("@")[2]], trusting(fakes.values()) | public()
    sound = () if offer in {"wan2.5@aimlapi", "wan2.1@novita"} else ("--audio", "voice.ogg")
    words = (*DREAM, *sound, "--model", offer, "--json")
    told = cli.run(*words, "--dry-run", env=env)
    assert told.code == 0, told.err
    assert fake.paid() == []
    ran = cli.run(*words, "-o", "out.mp4", env=env)
    assert ran.code == 0, ran.err
    [call] = fake.paid()
    assert unlinked(call.body) == unlinked(told.document["body"])
    assert (ran.document["ticket"], ran.document["offer"]) == (call.ticket, offer)
    assert ran.document["seed"] is not None
    with av.open(cli.folder / "out.mp4") as made:
        assert made.streams.video
        assert bool(made.streams.audio) == (offer != "wan2.1@novita")
    assert ran.document["cost_usd"] == fake.billed_usd_micros() / 1_000_000


def test_a_plain_model_goes_to_whoever_is_cheapest(cli: Cli, fakes: dict[str, Fake]) -> None:
    """AI/ML API's own list says that it is dearer; without it the price is unknown, and goes last."""
    env = trusting(fakes.values())
    assert cli.run(*DREAM, "--dry-run", "--json", env=env).document["offer"] == "wan2.5@fal"
    assert cli.run(*DREAM, "--model", "wan2.5@aimlapi", "--dry-run", "--json", env=env).document["price_usd"] is None
    cheap = {"STILLMOTION_PRICES": "prices.toml"}
    (cli.folder / "prices.toml").write_text('["wan2.5@aimlapi"."720p"]\n5 = 0.10\n')
    assert cli.run(*DREAM, "--dry-run", "--json", env=env | cheap).document["offer"] == "wan2.5@aimlapi"


def test_without_a_public_address_a_novita_key_alone_serves_pictures_to_2_6(cli: Cli, fakes: dict[str, Fake]) -> None:
    """And says so: which offers are off, that no sound goes, and what to set."""
    env = settings_of(fakes["novita"])
    listed = {each["offer"]: each for each in cli.run("offers", "--json", env=env).document}
    assert listed["wan2.6@novita"]["on"]
    for name in ("wan2.5@novita", "wan2.1@novita"):
        assert "public link" in listed[name]["why_off"]
        assert "STILLMOTION_PUBLIC_URL, STILLMOTION_MEDIA_BUCKET or FAL_KEY" in listed[name]["why_off"]
    assert "public link" in listed["wan2.6@novita"]["why_no_sound"]
    assert cli.run(*DREAM, "--dry-run", "--json", env=env).document["offer"] == "wan2.6@novita"
    ran = cli.run(*DREAM, "--audio", "voice.ogg", "--json", env=env)
    assert (ran.code, ran.document["error"]) == (2, "sound_unreachable")
    assert "STILLMOTION_PUBLIC_URL" in ran.document["message"]
    assert "takes no sound here" in cli.run("doctor", env=env).out
    ran = cli.run(*DREAM, "--model", "wan2.5", "--json", env=env)
    assert (ran.code, ran.document["error"]) == (5, "offer_off")


def test_a_fal_key_lends_its_storage_to_novita(cli: Cli, fakes: dict[str, Fake]) -> None:
    """The picture is put there and fetched from there; no public address is needed."""
    env = trusting([fakes["fal"], fakes["novita"]])
    ran = cli.run(*DREAM, "--model", "wan2.1", "--json", env=env)
    assert ran.code == 0, ran.err
    assert fakes["novita"].paid()[0].body["image_url"].startswith(fakes["fal"].base)
    assert fakes["fal"].paid() == []


def test_what_an_offer_lacks_is_told_with_who_has_it(cli: Cli, fakes: dict[str, Fake]) -> None:
    """By sound, by option, by length of the sentence and by value."""
    env = trusting(fakes.values()) | public()
    for words, told in (
        (("--model", "wan2.1", "--audio", "voice.ogg"), "Sound input needs wan2.5@fal, wan2.5@novita or wan2.6."),
        (("--model", "wan2.5", "--set", "steps=20"), "That needs wan2.1."),
        (("--model", "wan2.5", "--duration", "15"), "It can be at wan2.6."),
        (("--model", "wan2.5@novita", "--set", "seed=-1"), "It can be at wan2.1."),
    ):
        ran = cli.run(*DREAM, *words, "--json", env=env)
        assert ran.code == 2, ran.err
        assert told in ran.document["message"]
    ran = cli.run("animate", "photo.png", "x" * 801, "--model", "wan2.5@fal", "--json", env=env)
    assert "801 characters; wan2.5@fal takes 800" in ran.document["message"]
    assert "It fits wan2.5@aimlapi, wan2.5@novita, wan2.6 or wan2.1." in ran.document["message"]
    assert [fake.paid() for fake in fakes.values()] == [[], [], []]


def test_doctor_asks_each_account_and_can_have_a_webhook_sent(cli: Cli, fakes: dict[str, Fake]) -> None:
    """Without any cost; a key that is not accepted is a fault that names its setting."""
    env = trusting(fakes.values()) | public()
    ran = cli.run("doctor", "--probe-webhook", "--json", env=env)
    findings = {(each["part"], each["state"]): each["message"] for each in ran.document["findings"]}
    assert ran.code == 0, findings
    assert findings["webhook", "ok"] == "A mock webhook of Novita found its way here"
    assert sum(each["part"] == "account" for each in ran.document["findings"]) == 3
    assert "providers elsewhere cannot reach it" in findings["public", "note"]
    assert not any(call.made for fake in fakes.values() for call in fake.paid())
    ran = cli.run("doctor", env=env | {"FAL_KEY": "wrong"})
    assert ran.code == 5
    assert "fal does not accept the key. Put a valid one into FAL_KEY." in ran.out


def test_a_certificate_that_nobody_vouches_for_is_named_with_what_to_set(cli: Cli, tmp_path: Path) -> None:
    """And with its authority in SSL_CERT_FILE everything works: the API and the link to the video."""
    authority = trusting_authority(tmp_path)
    with FAKES["fal"].serving(tmp_path / "fal", tls=authority[0]) as fake:
        fake.looks = 0
        env = trusting([fake])
        assert "SSL_CERT_FILE" in cli.run("doctor", env=env).out
        for trusted in authority[1]:
            ran = cli.run(*DREAM, "--model", "wan2.5@fal", "--json", env=env | trusted)
            assert ran.code == 0, ran.err


def trusting_authority(folder: Path) -> tuple[ssl.SSLContext, list[dict[str, str]]]:
    """Return a server's side of TLS, and the settings that trust its authority: by a file and, where openssl is, by a folder."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    home = folder / "authorities"
    home.mkdir()
    authority.cert_pem.write_to_path(str(home / "ca.pem"))
    ways = [{"SSL_CERT_FILE": str(home / "ca.pem")}]
    if shutil.which("openssl") is not None:
        subprocess.run(["openssl", "rehash", str(home)], check=True, capture_output=True)
        ways.append({"SSL_CERT_DIR": str(home)})
    return server, ways


@pytest.mark.parametrize("trusted", ["[::1]:{port}", "::1"])
def test_a_provider_with_an_ipv6_address_only_works(cli: Cli, tmp_path: Path, trusted: str) -> None:
    """Its base in brackets, its links, and both spellings of who is trusted."""
    with FAKES["novita"].serving(tmp_path / "novita", host="::1") as fake:
        fake.looks = 0
        port = fake.origin.rpartition(":")[2]
        env = settings_of(fake) | {"STILLMOTION_TRUSTED_HOSTS": trusted.format(port=port)}
        ran = cli.run(*DREAM, "--model", "wan2.6", "--json", env=env)
        assert ran.code == 0, ran.err


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_entries_for_no_proxy_that_cannot_be_used_stand_in_nobodys_way(
    cli: Cli, fakes: dict[str, Fake], name: str
) -> None:
    """As container tools write them; doctor names one that means nothing."""
    env = trusting([fakes["fal"]]) | {name: "localhost,127.0.0.1,::1,[::1],fd07:b51a:cc66:f0::/64,fd00::/999"}
    assert cli.run("offers", env=env).code == 0
    assert cli.run(*DREAM, "--model", "wan2.5@fal", "--json", env=env).code == 0
    assert "fd00::/999" in cli.run("doctor", env=env).out


def test_a_link_to_a_private_place_is_not_followed_and_the_video_not_lost(cli: Cli, fakes: dict[str, Fake]) -> None:
    """Exit code 6 with what to set; once that is set, collect fetches it, and nothing is paid for again."""
    env = settings_of(fakes["fal"])
    ran = cli.run(*DREAM, "--model", "wan2.5@fal", "--json", env=env)
    assert ran.code == 6, ran.err
    assert "STILLMOTION_TRUSTED_HOSTS" in ran.err
    assert not [seen for seen in fakes["fal"].seen if seen.path.startswith("/files/")]
    got = cli.run("collect", ran.document["id"], "-o", "late.mp4", "--json", env=trusting([fakes["fal"]]))
    assert got.code == 0, got.err
    assert len(fakes["fal"].paid()) == 1


def test_an_answer_that_never_came_is_told_plainly_and_paid_for_once(cli: Cli, fakes: dict[str, Fake]) -> None:
    """Exit code 6; an operator who finds the job at the provider settles it, and its video is collected."""
    fakes["fal"].faults.append(Fault("reset_after_job", "submit"))
    env = trusting([fakes["fal"]])
    ran = cli.run(*DREAM, "--model", "wan2.5@fal", "--json", env=env)
    assert (ran.code, ran.document["state"]) == (6, "unsure")
    assert "it could be paid twice" in " ".join(ran.err.split())
    [call] = fakes["fal"].paid()
    job = ran.document["id"]
    assert cli.run("resolve", job, "--as", "paid", "--ticket", "mistyped", env=env).code == 0
    assert cli.run("collect", job, "-o", "found.mp4", "--json", env=env).document["state"] == "unsure"
    assert cli.run("resolve", job, "--as", "paid", "--ticket", str(call.ticket), env=env).code == 0
    got = cli.run("collect", job, "-o", "found.mp4", "--json", env=env)
    assert (got.code, len(fakes["fal"].paid())) == (0, 1), got.err


# -- a sixth provider


class SixthServer:
    """Sells one model; counts what it is paid for."""

    def __init__(self) -> None:
        self.paid: list[dict[str, Any]] = []
        self.server = Server("127.0.0.1", None, self.respond)

    def respond(self, request: Request) -> Answer:
        if request.path.startswith("/video"):
            return Answer(200, video(), {"Content-Type": "video/mp4"})
        if request.headers.get("authorization") != "Token sk-6":
            return Answer(401, {"no": "such key"})
        if request.path == "/at/make":
            self.paid.append(json.loads(request.body))
            return Answer(200, {"id": "six/1"})
        return Answer(200, {"state": "done", "link": f"{self.server.url}/video?sig=a%2Fb"})


@pytest.fixture(scope="module")
def sixth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Zygote, SixthServer]]:
    """The command with one more file among the providers, and its provider."""
    shelf, server = tmp_path_factory.mktemp("shelf"), SixthServer()
    shutil.copy(SIXTH, shelf / "sixth.py")
    zygote = Zygote(tmp_path_factory.mktemp("sixth"), shelf)
    yield zygote, server
    zygote.close()
    server.server.close()


def test_a_provider_more_is_one_file(cli: Cli, sixth: tuple[Zygote, SixthServer]) -> None:
    """Its settings, its offer, its flags, its body, its look and its video, without a line changed elsewhere."""
    zygote, server = sixth
    env = {
        "SIXTH_KEY": "sk-6",
        "SIXTH_BASE_URL": f"{server.server.url}/at",
        "STILLMOTION_TRUSTED_HOSTS": server.server.origin,
    }
    off = {each["offer"]: each["why_off"] for each in zygote.run(("offers", "--json"), cli.folder, PLAIN).document}
    assert off["wan3.0@sixth"] == "no key (SIXTH_KEY is not set)"
    ran = zygote.run((*DREAM, "--model", "wan3.0", "--seed", "0", "--json"), cli.folder, PLAIN | env)
    assert ran.code == 0, ran.err
    [body] = server.paid
    assert body["how"] == {"size": "720p", "seconds": 5, "seed": 0}
    assert (body["model"], body["what"]["words"]) == ("wan/3", "a cat walks")
    assert ran.document["cost_usd"] == 0.1
