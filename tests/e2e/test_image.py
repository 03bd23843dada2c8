"""The container image, without an engine: what its files say is read, and its steps are run as far as a machine allows."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from bot.health import health_app
from bot.serving import serving
from tests.chaos.harness import Setting, started
from tests.fakes.platform import Board
from tests.fakes.provider import imagined

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"
STOP_WITHIN_S = 8.0
HEALTH_PORT = 9464
NO_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
"""What compose.yaml's cap_drop and security_opt leave even to root: a folder's rights hold for it too."""


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a Dockerfile, its continued lines joined."""

    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The words of an exec form; of any other, what blanks divide."""
        found: list[str] = json.loads(self.rest) if self.rest.startswith("[") else self.rest.split()
        return found


@dataclass(frozen=True)
class Image:
    """A Dockerfile as its stages, each from its FROM on."""

    text: str

    @cached_property
    def stages(self) -> list[list[Step]]:
        found: list[list[Step]] = []
        for step in self._steps():
            if step.word == "FROM":
                found.append([])
            found[-1].append(step)
        return found

    def _steps(self) -> Iterator[Step]:
        lines = [line for line in self.text.splitlines() if line.strip() and not line.startswith("#")]
        for whole in "\n".join(lines).replace("\\\n", " ").splitlines():
            word, _, rest = whole.partition(" ")
            yield Step(word, rest.strip())

    def all(self, word: str, stage: int | None = None) -> list[Step]:
        """Return every instruction of this word, of one stage or of all."""
        steps = self.stages[stage] if stage is not None else [step for stage in self.stages for step in stage]
        return [step for step in steps if step.word == word]

    def last(self, word: str) -> Step:
        """Return the one that holds in the finished image."""
        return self.all(word, -1)[-1]

    @cached_property
    def environment(self) -> dict[str, str]:
        pairs = (pair.partition("=") for step in self.all("ENV", -1) for pair in step.words)
        return {name: value for name, _, value in pairs}

    @cached_property
    def health(self) -> list[str]:
        """The command by which an engine asks."""
        found: list[str] = json.loads(self.last("HEALTHCHECK").rest.partition("CMD ")[2])
        return found


IMAGE = Image((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def ignored(path: str) -> bool:
    """Tell whether an engine leaves a path out: the last pattern that meets it, or a folder that it lies in, decides."""
    parts, out = path.split("/"), False
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern = _pattern(line.removeprefix("!"))
            out = not line.startswith("!") if any(pattern.fullmatch(each) for each in above) else out
    return out


def _pattern(written: str) -> re.Pattern[str]:
    pieces = re.split(r"(\*\*/|\*|\[\w+\])", written)
    meant = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(meant.get(piece, piece if piece[:1] == "[" else re.escape(piece)) for piece in pieces))


def block(lines: list[str]) -> Any:
    """Read block YAML of mappings, lists and plain words, as much of it as compose.yaml has."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    starts = [at for at, line in enumerate(lines) if len(line) - len(line.lstrip()) == indent]
    parts = [lines[at:end] for at, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    if lines[0].lstrip().startswith("- "):
        return [block([part[0].replace("- ", "  ", 1), *part[1:]]) for part in parts]
    pairs = [re.fullmatch(r"\s*([\w-]+):(?: (.*))?", part[0]) for part in parts]
    if len(lines) == 1 and pairs[0] is None:
        return lines[0].strip().strip('"')
    return {
        pair[1]: pair[2] or (block(part[1:]) if part[1:] else None)
        for pair, part in zip(pairs, parts, strict=True)
        if pair is not None
    }


def compose() -> dict[str, Any]:
    """Return compose.yaml."""
    lines = (ROOT / "compose.yaml").read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = block([line for line in lines if line.strip() and not line.lstrip().startswith("#")])
    return found


# -- what the files say


def test_what_runs_is_not_root() -> None:
    """By number, so that a cluster can tell without looking into the image; its folder is its own."""
    user = IMAGE.last("USER").rest
    assert re.fullmatch(r"([1-9]\d{3,}):\1", user)
    owner = user.partition(":")[0]
    made = IMAGE.last("RUN").words
    assert {f"--owner={owner}", f"--group={owner}", "--mode=0700"} < set(made)
    assert made[-1] == IMAGE.last("WORKDIR").rest == IMAGE.last("VOLUME").words[0] == "/data"


def test_no_shell_stands_between_a_signal_and_the_program() -> None:
    """Nor between any other step and its words."""
    forms = [step.rest for word in ("RUN", "ENTRYPOINT", "CMD", "VOLUME") for step in IMAGE.all(word)]
    assert all(rest.startswith("[") for rest in forms)
    assert all(IMAGE.health)
    assert IMAGE.last("ENTRYPOINT").words + IMAGE.last("CMD").words == ["stillmotion", "run"]
    assert IMAGE.last("STOPSIGNAL").rest == "SIGTERM"


def test_the_command_is_the_one_that_the_project_installs() -> None:
    """From the folder that the image looks into first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert IMAGE.last("ENTRYPOINT").words[0] in project["scripts"]
    (copied,) = IMAGE.all("COPY", -1)
    assert copied.words[-1] + "/bin" == IMAGE.environment["PATH"].partition(":")[0]
    label = IMAGE.last("LABEL").rest
    assert f'image.title="{project["name"].title()}"' in label
    assert f'image.licenses="{project["license"]} AND GPL-2.0-or-later"' in label


def test_each_stage_begins_with_a_python_that_is_named_whole() -> None:
    """One and the same, without a registry and never the latest one, and one that the project takes."""
    bases = {step.words[0] for step in IMAGE.all("FROM")}
    assert bases == {"python:3.12-slim"}
    assert "latest" not in IMAGE.text


def test_nothing_is_fetched_but_the_pinned_packages() -> None:
    """No ADD, no package manager of the system, no download; packages by their hashes, the project without any index."""
    assert not IMAGE.all("ADD")
    programs = [[Path(step.words[0]).name, *step.words[1:3]] for step in IMAGE.all("RUN")]
    assert programs == [
        ["python", "-m", "venv"],
        ["python", "-m", "pip"],
        ["python", "-m", "pip"],
        ["install", *programs[3][1:]],
    ]
    packages, project = (step.words for step in IMAGE.all("RUN")[1:3])
    assert {"--require-hashes", "--only-binary=:all:", "requirements.lock"} < set(packages)
    assert {"--no-index", "--no-deps", "--no-build-isolation"} < set(project)


def test_all_that_is_copied_is_there_and_is_sent_to_the_engine() -> None:
    """A path that .dockerignore leaves out ends the build."""
    copied = [source for step in IMAGE.all("COPY", 0) for source in step.words[:-1]]
    assert {"requirements.lock", "pyproject.toml", "bot", "providers", "storage"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists(), source
        assert not ignored(source), source


def test_every_file_that_the_program_needs_is_sent() -> None:
    """Its modules, its migrations, its sample."""
    files = [
        path for package in ("bot", "providers", "storage") for path in (ROOT / package).rglob("*") if path.is_file()
    ]
    needed = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert {"bot/sample/sample.jpg", "storage/migrations/0001_jobs_and_books.sql"} < needed
    assert not [path for path in needed if ignored(path)]


KEPT_OUT = [
    ".env",
    "bot/.env",
    ".git/config",
    ".venv/bin/python",
    "stillmotion.db",
    "stillmotion.db-wal",
    "stillmotion.db-shm",
    "bot/stillmotion.db",
    "storage/copy.db-wal",
    "stillmotion.key",
    "bot/own.key",
    "media/a1/a1b2",
    "demo-media/work/x",
    "out.mp4",
    "bot/out.mp4",
    "photo.jpg",
    "tests/unit/test_spec.py",
    "bench/x.py",
    "bot/__pycache__/cli.cpython-312.pyc",
    "bot/cli.pyc",
    ".mypy_cache/x",
    "compose.yaml",
    "Dockerfile",
]


@pytest.mark.parametrize("path", KEPT_OUT)
def test_what_is_private_or_not_needed_never_reaches_the_engine(path: str) -> None:
    """An image is passed on; a secret in one of its layers is out for good."""
    assert ignored(path)


def test_the_image_names_no_secret() -> None:
    """Keys come at the start, from outside."""
    assert not IMAGE.all("ARG")
    assert not [name for name in IMAGE.environment if re.search(r"KEY|TOKEN|SECRET|PASSWORD", name)]


def test_the_service_has_no_rights_that_it_does_not_need() -> None:
    """Nothing to write to but its volume and what goes with the container."""
    (service,) = compose()["services"].values()
    assert (service["read_only"], service["init"], service["tmpfs"]) == ("true", "true", ["/tmp"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "user", "network_mode", "pid", "devices"} & service.keys()
    assert service["volumes"] == ["data:/data"]
    assert "data" in compose()["volumes"]


def test_the_service_is_reached_from_this_machine_alone() -> None:
    """A proxy with a certificate stands in front of what the world sees; health and metrics are not published."""
    (service,) = compose()["services"].values()
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert IMAGE.last("EXPOSE").rest == "8080"
    assert IMAGE.environment["STILLMOTION_HTTP_HOST"] == "0.0.0.0"


def test_the_service_comes_back_and_is_given_the_time_to_stop() -> None:
    """More than the program takes at most; the file of settings may be missing."""
    (service,) = compose()["services"].values()
    assert service["restart"] == "unless-stopped"
    assert float(service["stop_grace_period"].removesuffix("s")) > STOP_WITHIN_S
    assert service["env_file"] == [{"path": ".env", "required": "false"}]


# -- what its commands do


def asked(port: int, **environ: str) -> int:
    """Ask as an engine does, at another port; the command's exit code."""
    words = [word.replace(f":{HEALTH_PORT}/", f":{port}/") for word in IMAGE.health[1:]]
    ended = subprocess.run([sys.executable, *words], env=environ, capture_output=True, timeout=20, check=False)
    return ended.returncode


async def test_an_engine_learns_whether_the_service_is_well(tmp_path: Path) -> None:
    """From the status alone, also where a proxy is set; one that is not there is not well."""
    assert IMAGE.health[0] == "python"
    assert f"http://127.0.0.1:{HEALTH_PORT}/healthz" in IMAGE.health[-1]
    setting = Setting(folder=tmp_path, providers=(imagined(NOWHERE, "fal"),), platform=Board(tmp_path))
    (tmp_path / "media").mkdir()
    platforms: dict[str, str | None] = {"discord": None}
    async with started(setting) as bot:
        app = health_app(bot.ports, platforms, lambda: 0.0, free_floor_bytes=0)
        async with serving(app, "127.0.0.1", 0) as port:
            assert await asyncio.to_thread(asked, port, http_proxy=NOWHERE) == 0
            platforms["discord"] = "the token is not accepted"
            assert await asyncio.to_thread(asked, port) == 1
    assert await asyncio.to_thread(asked, port) == 1


def unprivileged() -> tuple[str, ...]:
    """Return what takes the rights of root away before a command, where this is root."""
    if os.geteuid():
        return ()
    if shutil.which(NO_RIGHTS[0]) is None:
        pytest.skip("root can write everywhere here")
    return NO_RIGHTS


def environment(home: Path) -> dict[str, str]:
    """Return the image's own, with this interpreter's path and a home that cannot be written."""
    return IMAGE.environment | {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}


def test_it_runs_where_only_its_own_folder_can_be_written_and_stops_in_time(tmp_path: Path) -> None:
    """As the engine starts and stops it: a signal, ten seconds, and all that it keeps in the volume."""
    root, data = tmp_path / "root", tmp_path / "root" / "data"
    data.mkdir(parents=True, mode=0o700)
    root.chmod(0o555)
    limited = unprivileged()
    refused = subprocess.run([*limited, "touch", str(root / "x")], capture_output=True, check=False)
    assert refused.returncode, "the folder above can be written"
    command = [*limited, sys.executable, "-m", "bot", *IMAGE.last("CMD").words]
    running = subprocess.Popen(
        command, cwd=data, env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with running:
        assert running.stdout is not None
        heard = next((line for line in running.stdout if b"Serving jobs" in line), None)
        since_s = time.monotonic()
        running.send_signal(getattr(signal, IMAGE.last("STOPSIGNAL").rest))
        told, _ = running.communicate(timeout=30)
    assert heard is not None, told
    assert (running.returncode, time.monotonic() - since_s < STOP_WITHIN_S) == (0, True), told
    assert {"stillmotion.db", "media"} <= {path.name for path in data.iterdir()}
    assert [path.name for path in root.iterdir()] == ["data"]


@pytest.mark.torture
def test_the_image_can_be_built_and_makes_a_video(tmp_path: Path) -> None:
    """The first stage's steps, in a folder in place of its own, then the command that they install."""
    source, target = tmp_path / "src", tmp_path / "installed"
    source.mkdir()
    for step in IMAGE.stages[0]:
        if step.word == "COPY":
            _copy(step.words, source)
        if step.word == "RUN":
            words = [word.replace("/opt/stillmotion", str(target)) for word in step.words]
            _made([sys.executable if words[0] == "python" else words[0], *words[1:]], source, dict(os.environ))
    shutil.rmtree(source)
    (tmp_path / "data").mkdir()
    plain = IMAGE.environment | {"PATH": f"{target}/bin:{os.environ['PATH']}", "HOME": str(tmp_path)}
    _made([f"{target}/bin/{IMAGE.last('ENTRYPOINT').words[0]}", "demo"], tmp_path / "data", plain)
    assert (tmp_path / "data" / "stillmotion-demo.mp4").stat().st_size > 10_000
    assert not list((tmp_path / "data").glob("**/*.pyc"))


def _copy(words: list[str], into: Path) -> None:
    """Copy what an engine would: all but what is ignored."""
    for each in words[:-1]:
        for path in [ROOT / each, *(ROOT / each).rglob("*")]:
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and not ignored(name):
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, into / name)


def _made(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
