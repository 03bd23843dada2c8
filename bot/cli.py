"""The `stillmotion` command: its words and options. What they do is loaded only when it is asked for."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from providers.kit.spec import Option

app = typer.Typer(
    name="stillmotion",
    help="A picture and a sentence become a video.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="A job's id, as `jobs` lists it.")]

_FIRST = ("resolution", "duration")


def _declared_flags() -> list[inspect.Parameter]:
    """Return a flag for each option of any offer, those that every offer has first."""
    from providers.kit.registry import discover

    found: dict[str, list[tuple[str, Option]]] = {}
    offers = [spec for provider in discover().values() for spec in provider.specs]
    for spec in offers:
        for option in spec.options:
            found.setdefault(option.name, []).append((spec.offer, option))
    ordered = sorted(found.items(), key=lambda each: each[0] not in _FIRST)
    return [_flag(name, declared, everywhere=len(declared) == len(offers)) for name, declared in ordered]


def _flag(name: str, declared: list[tuple[str, Option]], *, everywhere: bool) -> inspect.Parameter:
    """Return a flag whose help says what each offer makes of it, where they differ."""
    meanings: dict[tuple[str, str], list[str]] = {}
    for offer, option in declared:
        meanings.setdefault((option.help, _meaning(option)), []).append(offer)
    if everywhere and len(meanings) == 1:
        told = " ".join(next(iter(meanings)))
    elif len({about for about, _ in meanings}) == 1:
        told = f"{declared[0][1].help} " + " ".join(f"At {', '.join(at)}: {what}" for (_, what), at in meanings.items())
    else:
        told = " ".join(f"At {', '.join(at)}: {about} {what}" for (about, what), at in meanings.items())
    flag = typer.Option(f"--{name.replace('_', '-')}", help=told, metavar="VALUE")
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, flag])


def _meaning(option: Option) -> str:
    default = "" if option.default is None else f" Default: {_written(option.default)}."
    who = "" if option.audience == "everyone" else f" For {option.audience}s."
    return f"Takes {option.range}.{default}{who}"


def _written(default: object) -> str:
    return "on" if default is True else "off" if default is False else str(default)


def _with_flags(command: Callable[..., None], flags: Iterable[inspect.Parameter]) -> Callable[..., None]:
    """Give a command these flags."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    flags = list(flags)
    command.__signature__ = signature.replace(parameters=[*own, *flags])  # type: ignore[attr-defined] # typer reads it
    command.__annotations__ = {p.name: p.annotation for p in (*own, *flags)}
    return command


def animate(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What should happen, in a sentence.")],
    *,
    audio: Annotated[Path | None, typer.Option(metavar="FILE", help="A sound to go with it.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL[@PROVIDER]", help="Who makes it; `offers` lists them.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="Any option of the offer, by its name.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="The file to write. Default: the picture's name, here."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing, pay nothing: show what would be sent.")
    ] = False,
    json: Json = False,
    **options: Any,
) -> None:
    """Make a video of a picture, from a terminal."""
    from bot.commands import animate as work
    from bot.commands.console import run

    given = {name: value for name, value in options.items() if value is not None} | _settings_of(set_ or [])
    asked = work.Asked(image=image, prompt=prompt, audio=audio, model=model, options=given, output=output, as_json=json)
    verb = work.rehearse if dry_run else work.animate
    run(lambda found: verb(found, asked), as_json=json)


def _settings_of(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    wrong = next(("".join(parts) for parts in split if not parts[0].strip() or not parts[1]), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong or 'nothing'} is not written OPTION=VALUE.", param_hint="--set")
    return {name.strip().replace("-", "_"): value for name, _, value in split}


@app.command()
def collect(
    job: JobId,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The file to write.")],
    json: Json = False,
) -> None:
    """Go on with a job, and write its video to a file."""
    from bot.commands import animate as work
    from bot.commands.console import run

    run(lambda found: work.collect(found, job, output, as_json=json), as_json=json)


@app.command()
def demo() -> None:
    """Make a sample video here: no account, no key."""
    from bot.commands import serve
    from bot.commands.console import run

    run(serve.demo)


@app.command(name="run")
def run_() -> None:
    """Serve every job until told to stop."""
    from bot.commands import serve
    from bot.commands.console import run

    run(serve.run, logs=True)


@app.command()
def offers(json: Json = False) -> None:
    """List every offer: options, limits, prices, on or off and why."""
    from bot.commands import offers as work
    from bot.commands.console import run

    run(lambda found: work.offers(found, as_json=json), as_json=json)


@app.command()
def jobs(
    state: Annotated[str | None, typer.Option(metavar="STATE", help="Only jobs in this state.")] = None,
    json: Json = False,
) -> None:
    """List the newest jobs."""
    from bot.commands import jobs as work
    from bot.commands.console import run

    run(lambda found: work.jobs(found, state, as_json=json), as_json=json)


@app.command()
def job(job: JobId, json: Json = False) -> None:
    """Show a job and its history."""
    from bot.commands import jobs as work
    from bot.commands.console import run

    run(lambda found: work.job(found, job, as_json=json), as_json=json)


@app.command()
def cancel(
    job: JobId,
    discard: Annotated[
        bool, typer.Option("--discard", help="Let it go even where it is paid for all the same.")
    ] = False,
) -> None:
    """Cancel a job."""
    from bot.commands import jobs as work
    from bot.commands.console import run

    run(lambda found: work.cancel(found, job, discard=discard))


@app.command()
def resolve(
    job: JobId,
    outcome: Annotated[str, typer.Option("--as", metavar="paid|unpaid", help="What was found out at the provider.")],
    ticket: Annotated[
        str | None, typer.Option(metavar="TICKET", help="The provider's own id of the job, with --as paid.")
    ] = None,
) -> None:
    """Settle an unsure job."""
    from bot.commands import jobs as work
    from bot.commands.console import run

    run(lambda found: work.resolve(found, job, outcome, ticket))


@app.command()
def approve(job: JobId) -> None:
    """Let a held request go on."""
    from bot.commands import jobs as work
    from bot.commands.console import run

    run(lambda found: work.decide(found, job, approved=True))


@app.command()
def decline(job: JobId) -> None:
    """Refuse a held request."""
    from bot.commands import jobs as work
    from bot.commands.console import run

    run(lambda found: work.decide(found, job, approved=False))


@app.command()
def usage(
    since: Annotated[str, typer.Option(metavar="TIME", help="A length of time, like 30d or 24h.")] = "30d",
    by: Annotated[str, typer.Option(metavar="KEY", help="user, channel, scope, offer or day.")] = "user",
    book: Annotated[
        str, typer.Option(metavar="BOOK", help="allowance (what people used) or spend (what providers bill).")
    ] = "allowance",
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Sum a book."""
    from bot.commands import rules
    from bot.commands.console import run

    form = "json" if json else "csv" if csv else "table"
    run(lambda found: rules.usage(found, since, by, book, form=form), as_json=json)


@app.command()
def limits(
    verb: Annotated[str, typer.Argument(metavar="show|set|clear|grant")] = "show",
    subject: Annotated[
        str | None, typer.Argument(metavar="SUBJECT", help="user:, role:, channel: or scope: and PLATFORM/ID.")
    ] = None,
    amount: Annotated[
        str | None,
        typer.Argument(metavar="AMOUNT", help="set: 5/day, 60s/day, $20/month, 3/24h, none; grant: 3, 30s, $5."),
    ] = None,
    json: Json = False,
) -> None:
    """Show, set or clear limits, or grant more once."""
    from bot.commands import rules
    from bot.commands.console import run

    run(lambda found: rules.limits(found, verb, subject, amount, as_json=json), as_json=json)


@app.command()
def scopes(
    verb: Annotated[str | None, typer.Argument(metavar="[allow|deny]")] = None,
    scope: Annotated[str | None, typer.Argument(metavar="PLATFORM/ID")] = None,
    approvals: Annotated[
        str | None, typer.Option(metavar="on|off", help="May a request over budget be put to an admin?")
    ] = None,
) -> None:
    """Show, allow or deny where the bot may work."""
    from bot.commands import rules
    from bot.commands.console import run

    run(lambda found: rules.scopes(found, verb, scope, approvals))


@app.command()
def doctor(
    probe_webhook: Annotated[
        bool, typer.Option("--probe-webhook", help="Have a provider send a mock webhook here; no video is made.")
    ] = False,
    json: Json = False,
) -> None:
    """Check that everything here is fit for work."""
    from bot.commands import doctor as work
    from bot.commands.console import run

    run(lambda found: work.doctor(found, probes=probe_webhook, as_json=json), as_json=json)


@app.command()
def backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]) -> None:
    """Copy the database while it is in use."""
    from bot.commands import upkeep
    from bot.commands.console import run

    run(lambda found: upkeep.backup(found, file))


@app.command()
def forget(subject: Annotated[str, typer.Argument(metavar="user:PLATFORM/ID")]) -> None:
    """End a person's jobs and erase their words and files."""
    from bot.commands import upkeep
    from bot.commands.console import run

    run(lambda found: upkeep.forget(found, subject))


def main() -> None:
    """Run the command line."""
    if sys.getfilesystemencoding() != "utf-8":
        _start_again_in_utf8()
    try:
        flags = _declared_flags() if sys.argv[1:2] == ["animate"] else []
        app.command()(_with_flags(animate, flags))
        app.registered_commands.insert(0, app.registered_commands.pop())
        ended = app(prog_name="stillmotion", standalone_mode=False)
    except typer.TyperException as misused:
        ended = _explain(misused)
    except (typer.Abort, KeyboardInterrupt):
        ended = _interrupted()
    raise SystemExit(ended)


def _start_again_in_utf8() -> NoReturn:
    """Take this process's place: under an ASCII locale a sentence or a file's name would not be what was typed."""
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  no shell is wanted


def _interrupted() -> int:
    """Answer a Ctrl-C that came before the command had begun its work."""
    from bot.commands.console import Exit, say, show_json

    message = "Interrupted before anything was asked for. Nothing was charged."
    if "--json" in sys.argv:
        show_json({"error": "interrupted", "message": message})
    else:
        say(message)
    return Exit.UNFINISHED


def _explain(misused: typer.TyperException) -> int:
    """Say how the command should have been written, and return the exit code."""
    from bot.commands.console import say, show_json

    context = getattr(misused, "ctx", None) if sys.argv[1:] else None
    hint = "" if context is None else f" `{context.command_path} --help` shows how it is written."
    if "--json" in sys.argv:
        show_json({"error": "argument", "message": misused.format_message() + hint})
    else:
        say(misused.format_message() + hint)
    return misused.exit_code
