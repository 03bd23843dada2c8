"""What chats say privately: one bold phrase, what it means for the video and the money, and the buttons that help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from bot import refusing
from bot.platforms.contract import Action, Message, Moment, Named, Style, Text
from bot.refusals import Refused
from bot.wording import about, counted, money, provider
from storage.contract import Job, Left
from storage.limits import parse_amount, usd

_NOT_CHARGED = "Nothing was charged."
MOST_SWITCHES = 3
"""More would not stand in one row beside the others."""
Said = tuple[str, Text]


def plain(head: str, *text: str | Moment | Named, actions: Sequence[Action] = ()) -> Message:
    return Message(head=head, text=tuple(text), actions=tuple(actions))


def refused(why: Refused, zone: ZoneInfo) -> Said:
    """Return why a request was not taken: the phrase, and what would do."""
    if why.code in _IN_CHAT:
        return _IN_CHAT[why.code](why.facts)
    sentence = refusing.refusal(why, 0, zone).replace(_NOT_CHARGED, "").strip()
    head, dot, rest = sentence.partition(". ")
    return head + dot.strip(), (rest,) if rest else ()


def _limit(facts: Mapping[str, Any]) -> Said:
    amount, _, window = facts["limit"].partition("/")
    left = parse_amount(amount).number - facts["used"]
    head = f"{_who_used(facts)} {counted(amount)} {_for(window)}."
    if 0 < left < facts["asked"]:
        head = f"{counted(amount, left)} left {_for(window)}, and this needs {counted(amount, facts['asked'])}."
    if facts["frees_at_ms"] is None:
        return head, ("One like this never fits. Ask for a shorter video, or ask an admin for more.",)
    at = Moment(facts["frees_at_ms"])
    return head, ("There is room again ", at, ".")


def _who_used(facts: Mapping[str, Any]) -> str:
    return {
        "user": "You have used your",
        "role": "You have used your role's",
        "channel": "This channel has used its",
        "scope": "This server has used its",
        "all": "This bot has used its",
    }[facts["subject"].partition(":")[0]]


def _for(window: str) -> str:
    named = {"day": "for today", "week": "for this week", "month": "for this month"}
    return named.get(window, f"for {window.removesuffix('h')} hours")


def _budget(facts: Mapping[str, Any]) -> Said:
    amount, _, window = facts["limit"].partition("/")
    by_admin = facts["set_by"].startswith("scope:")
    whose = "This bot's" if facts["subject"].startswith("all") else "This server's"
    left = max(0, parse_amount(amount).number - facts["used"])
    who = "An admin" if by_admin else "The people who run this bot"
    can = "can let this one video through, or raise it" if facts.get("can_ask") else "can raise it"
    text = f"About ${usd(left)} of it is left, and this needs about ${usd(facts['asked'])}. {who} {can}."
    return f"{whose} budget {_for(window)} has no room for this ({amount}).", (text,)


def _open(facts: Mapping[str, Any]) -> Said:
    return f"You have {counted('1', facts['used'])} in the making.", (
        "That is as many as you may have. Wait for one, or cancel it.",
    )


_IN_CHAT: Mapping[str, Callable[[Mapping[str, Any]], Said]] = {
    "limit": _limit,
    "budget": _budget,
    "open": _open,
    "offer_off": lambda f: (f"{f['offer']} is off here.", ("Choose another model.",)),
    "scope_denied": lambda _f: (
        "This bot may not be used here.",
        ("The people who run it can allow this server; ask whoever added it.",),
    ),
    "paused": lambda f: (
        "This bot is paused here.",
        (
            "It rests since ",
            Moment(f["since_ms"]),
            f". {'The people who run it' if f['by_operator'] else 'An admin'} can resume it.",
        ),
    ),
}


def switches(drafts: Iterable[tuple[str, str]]) -> tuple[Action, ...]:
    """Return a button for each offer that could serve a kept request: it spends money, so that it stands out."""
    found = list(drafts)[:MOST_SWITCHES]
    return tuple(Action(label=f"Switch to {name}", verb="retry", of=draft, style=Style.MAIN) for name, draft in found)


def helps(why: Refused) -> tuple[Action, ...]:
    """Return the buttons under a refusal, what helps first; without a draft there is nothing to go on with."""
    draft = why.facts.get("draft")
    if not draft:
        return ()
    edit = Action(label="Edit", verb="edit", of=draft)
    match why.code:
        case "limit" | "unpriced":
            return (Action(label="Try again", verb="retry", of=draft), edit, MY_VIDEOS)
        case "budget" if why.facts.get("can_ask"):
            return (Action(label="Ask for approval", verb="ask", of=draft, style=Style.MAIN), edit)
        case "budget" | "open" | "paused" | "lacks_permission" | "account_trouble":
            return (Action(label="Try again", verb="retry", of=draft), edit)
    return (edit,)


MY_VIDEOS = Action(label="My videos", verb="jobs")


def kept(inputs: Iterable[str]) -> str:
    """Return what is kept of a request, by its files' roles."""
    names = {"image": "picture", "audio": "sound"}
    things = [*(names[role] for role in inputs), "sentence"]
    *first, last = things
    both = f"{', '.join(first)} and {last}" if first else last
    return f"Your {both} {'are' if first else 'is'} kept. {_NOT_CHARGED}"


def first_use(job: Job, left: Sequence[Left], *, renders_here: bool) -> str:
    """Return what a person reads once: what goes to whom, the limit, where help is."""
    goes = "stay on this bot's own machine" if renders_here else f"go to {provider(job.offer)} to make the video"
    limit = personal(left)
    have = "" if limit is None else f" You have {spoken(limit.limit)}."
    return f"Your picture and sentence {goes}.{have} `/help` says more."


def personal(left: Sequence[Left]) -> Left | None:
    """Return the limit that is about the person, the one with the least left."""
    return next((each for each in left if each.subject.startswith(("user:", "role:"))), None)


def spoken(limits: str | None) -> str:
    """Return a set of limits as it is spoken of: `5 videos a day, $20.00 a month`."""
    each = () if limits in {None, "", "none"} else str(limits).split(",")
    said = (limit.strip().partition("/") for limit in each)
    return ", ".join(f"{counted(amount)} {refusing.per(window)}" for amount, _, window in said) or "no limit"


def _now(left: Left) -> str:
    window = left.limit.partition("/")[2]
    return {"day": "today", "week": "this week", "month": "this month"}.get(
        window, f"in {window.removesuffix('h')} hours"
    )


def room(left: Left) -> str:
    """Return what is left of a limit: `3 of 5 videos left today`."""
    amount = left.limit.partition("/")[0]
    rest, most = max(0, left.most - left.used), counted(amount, left.most)
    number = counted(amount, rest) if amount.startswith("$") else str(rest)
    return f"{number} of {most} left {_now(left)}"


def taken(left: Left) -> str:
    """Return how much of somebody's limit is used: `This channel: 12 of 40 videos today`."""
    amount = left.limit.partition("/")[0]
    whose = {"channel": "This channel", "scope": "This server", "all": "This bot"}.get(
        left.subject.partition(":")[0], "You"
    )
    used = counted(amount, left.used) if amount.startswith("$") else str(left.used)
    return f"{whose}: {used} of {counted(amount, left.most)} {_now(left)}."


# What a press comes to.

NOT_FOUND = plain("There is nothing here any more.", "It is from another place, or its time is over.")
MOVED_ON = plain("It has moved on meanwhile.", "Look again: its card says where it stands.")


def not_yours(what: str, who: str) -> Message:
    return plain(f"You may not {what}.", f"Only {who} can.")


def cannot_stop(job: Job) -> Message:
    """Return the choice where a provider cannot stop what it began."""
    price = job.price_usd_micros
    either = f" It costs {money(price)} either way." if price else ""
    return plain(
        f"{provider(job.offer)} cannot stop a video that has started.",
        f"{either.strip()} It comes here when it is ready, unless you discard it.".strip(),
        actions=(
            Action(label="Keep it", verb="keep", of=job.id),
            Action(label="Discard it", verb="discard", of=job.id, style=Style.DANGER),
        ),
    )


def discarded(job: Job) -> Message:
    cost = job.price_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
    charged = f"{provider(job.offer)} charges {money(cost)} for it all the same." if cost else _NOT_CHARGED
    return plain("Discarded.", charged)


def held(job: Job) -> Message:
    return plain(
        "Waiting for an admin.",
        f"You asked for one video over the budget, {about(job.price_usd_micros)}. Without an answer it ends after 7 days. {_NOT_CHARGED}",
        actions=(Action(label="Withdraw", verb="cancel", of=job.id),),
    )


def asks_to_delete(job: Job, kept_days: int) -> Message:
    days = "1 day" if kept_days == 1 else f"{kept_days} days"
    return plain(
        "Delete this video for everybody here?",
        f"What it cost stays charged. The copy kept by this bot goes within {days}.",
        actions=(
            Action(label="Delete the video", verb="deleted", of=job.id, style=Style.DANGER),
            Action(label="Keep it", verb="leave", of=job.id),
        ),
    )


def asks_twice(job: Job) -> Message:
    price = about(job.price_usd_micros)
    return plain(
        "Run it again, though it may be paid twice?",
        f"{provider(job.offer)} may still be making the first one. A new one is {price}, and counts as one of your videos.",
        actions=(
            Action(label="Run it again (may be paid twice)", verb="twiced", of=job.id, style=Style.MAIN),
            Action(label="Leave it", verb="leave", of=job.id),
        ),
    )


def budget_with(job: Job, left: Iterable[Left]) -> str:
    """Return how the budget stands that a held job goes past, and how it would with the job."""
    its = next((each for each in left if f"{each.subject} {each.limit} {each.set_by}" == job.budget), None)
    if its is None:
        return ""
    whose = "This bot's" if its.subject.startswith("all") else "This server's"
    used, most, after = (f"${usd(each)}" for each in (its.used, its.most, its.used + job.reserved_usd_micros))
    return f"{whose} budget {_now(its)}: {used} of {most} used. With this video: {after}."


def over_budget(budget: str) -> Message:
    subject, limit, _ = (*budget.split(" "), "", "")[:3]
    whose = "This bot's" if subject.startswith("all") else "Another"
    return plain(
        "It cannot be approved yet.",
        f"{whose} budget ({limit.partition('/')[0] or subject}) has no room for it. Raise that first; the request keeps waiting.",
    )
