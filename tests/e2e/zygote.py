"""A process that has loaded the command once and forks for each run, so that the cost of a start is paid once.

Each line of its input is a run: words, folder, environment and where its output goes; each line of its output an exit code.
A folder in its first argument holds more provider files.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any

import providers
from bot import cli

COMMANDS = ("animate", "doctor", "jobs", "offers", "rules", "serve", "upkeep")


def main() -> None:
    """Serve runs until there are no more."""
    providers.__path__.extend(sys.argv[1:])
    for command in COMMANDS:
        importlib.import_module(f"bot.commands.{command}")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(run(json.loads(line)))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def run(asked: dict[str, Any]) -> int:
    """Be the command, once."""
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = ["stillmotion", *asked["words"]]
    with open(os.devnull) as nothing, open(asked["out"], "w") as out, open(asked["err"], "w") as err:  # noqa: PTH123  one line
        for number, file in enumerate((nothing, out, err)):
            os.dup2(file.fileno(), number)
        sys.stdin, sys.stdout, sys.stderr = nothing, out, err
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        except BaseException:  # noqa: BLE001  what the interpreter itself would do
            traceback.print_exc()
    return 1


if __name__ == "__main__":
    main()
