"""The shape of the code: sizes, cycles, and who may touch what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.source import MODULES, PROVIDER_FILES, ROOT, Module

PROVIDER_MAY_IMPORT = {
    "__future__",
    "asyncio",  # only its to_thread, see below
    "base64",
    "collections.abc",
    "dataclasses",
    "datetime",
    "enum",
    "hashlib",
    "hmac",
    "json",
    "re",
    "secrets",
    "typing",
    "urllib.parse",
    "providers.kit",
    "providers.preview",
}
LONG_FUNCTIONS: dict[str, str] = {}
"""Functions over 50 lines, each with its reason."""
LONG_FILES: dict[str, str] = {}
"""Files over 300 lines of code, each with its reason."""


def _may(module: str) -> bool:
    return any(module == allowed or module.startswith(f"{allowed}.") for allowed in PROVIDER_MAY_IMPORT)


@pytest.mark.parametrize("provider", PROVIDER_FILES, ids=lambda module: module.name)
def test_a_provider_file_has_no_clock_no_client_no_environment_no_log(provider: Module) -> None:
    """It imports the kit, and what turns data into data."""
    assert [name for name in provider.imports() if not _may(name)] == []


@pytest.mark.parametrize("provider", PROVIDER_FILES, ids=lambda module: module.name)
def test_a_provider_file_never_waits_or_tries_again(provider: Module) -> None:
    """No loop without an end, no sleep, no task; a thread may do what would block."""
    assert not [node for node in provider.walk() if isinstance(node, ast.While | ast.AsyncFor)]
    assert {name for name in provider.attributes() if name.startswith("asyncio.")} <= {"asyncio.to_thread"}


def test_only_the_settings_read_the_environment() -> None:
    """Nobody else asks os.environ or getenv."""
    asking = {
        module.name
        for module in MODULES.values()
        if {"os.environ", "os.getenv", "os.environb"} & set(module.attributes())
        or {"os.environ", "os.getenv"} & set(module.imports())
    }
    assert asking == {"bot.settings"}


def test_each_module_logs_under_its_own_name() -> None:
    """A logger is made with __name__, and set up in one place."""
    for module in MODULES.values():
        made = [ast.unparse(node) for node in module.walk() if isinstance(node, ast.Call)]
        loggers = [call for call in made if call.startswith("logging.getLogger(")]
        if module.name != "bot.log":
            assert set(loggers) <= {"logging.getLogger(__name__)"}, module.name
            assert not [call for call in made if call.startswith("logging.basicConfig")], module.name


def test_modules_import_each_other_in_one_direction() -> None:
    """No file, through whatever others, needs itself."""
    graph = {name: module.needs(MODULES) - {name} for name, module in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        pytest.fail(" -> ".join(cycle.args[1]))


def _functions() -> Iterator[tuple[str, int]]:
    for module in MODULES.values():
        for node in module.walk():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{module.name}.{node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_functions_are_short() -> None:
    """None over 50 lines without a reason, and no reason without its function."""
    long = {name for name, lines in _functions() if lines > 50}
    assert long == LONG_FUNCTIONS.keys()
    assert all(LONG_FUNCTIONS.values())


def test_most_functions_are_very_short() -> None:
    """The median has at most 8 lines, nine of ten at most 25."""
    lines = sorted(lines for _, lines in _functions())
    assert lines[len(lines) // 2] <= 8
    assert lines[len(lines) * 9 // 10] <= 25


def _code_lines(module: Module) -> int:
    """Count lines that are neither blank nor comment nor docstring."""
    words: set[int] = set()
    for node in module.walk():
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            words.update(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = module.path.read_text(encoding="utf-8").splitlines()
    return sum(
        1 for at, line in enumerate(lines, 1) if at not in words and line.strip() and not line.strip().startswith("#")
    )


def test_files_are_short() -> None:
    """None over 300 lines of code without a reason, and no reason without its file."""
    long = {module.name for module in MODULES.values() if _code_lines(module) > 300}
    assert long == LONG_FILES.keys()
    assert all(LONG_FILES.values())


AUDIOOP = "'audioop' is deprecated"
"""What Python 3.11 and 3.12 say when discord.py is loaded; it is the library's to mend."""


def run(program: str, *words: str) -> str:
    """Run a program in a process of its own, without any environment."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-W", f"ignore:{AUDIOOP}:DeprecationWarning", "-c", program, *words],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


HELP = """
import contextlib, io, sys
sys.argv = ["stillmotion", *sys.argv[1:]]
from bot.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(" ".join(sorted(sys.modules)))
"""
HEAVY = {
    "discord",
    "slack_bolt",
    "slack_sdk",
    "av",
    "httpx",
    "aiohttp",
    "PIL",
    "pillow_heif",
    "sqlite_utils",
    "structlog",
}


@pytest.mark.parametrize("words", [("--help",), ("animate", "--help")], ids=" ".join)
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    """Neither an SDK nor a codec nor the store."""
    assert HEAVY & set(run(HELP, *words).split()) == set()


IMPORT_ALL = """
import importlib, os, sys, threading
before = dict(os.environ), set(os.listdir("/proc/self/fd")), os.listdir(".")
for name in sys.argv[1:]:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
assert before == (dict(os.environ), set(os.listdir("/proc/self/fd")), os.listdir("."))
"""


def test_importing_does_no_work() -> None:
    """Every module, without any setting: no thread, no file, no socket, no word in the environment."""
    run(IMPORT_ALL, *(name for name in MODULES if not name.endswith("__main__")))


def test_the_printed_pages_are_in_step_with_the_code() -> None:
    """What README and ARCHITECTURE say of declarations is what the code declares."""
    ended = subprocess.run(
        [sys.executable, "-m", "bot.docs", "--check"], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
