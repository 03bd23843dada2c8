"""What chats say privately: one bold phrase, what it means for the video and the money, and the buttons that help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from bot import refusing
from bot.language import later, told, tr, trn
from bot.platforms.contract import Action, Message, Moment, Named, Style, Text
from bot.refusals import Refused
from bot.wording import about, counted, money, provider
from storage.contract import Job, Left
from storage.limits import parse_amount, usd

MOST_SWITCHES = 3
"""More would not stand in one row beside the others."""
Said = tuple[str, Text]


def plain(head: str, *text: str | Moment | Named, actions: Sequence[Action] = ()) -> Message:
    return Message(head=head, text=tuple(text), actions=tuple(actions))


def refused(why: Refused, zone: ZoneInfo) -> Said:
    """Return why a request was not taken: the phrase, and what would do."""
    if why.code in _IN_CHAT:
        return _IN_CHAT[why.code](why.facts)
    sentence = refusing.refusal(why, 0, zone).replace(tr("Nothing was charged."), "").strip()
    head, dot, rest = sentence.partition(". ")
    return head + dot.strip(), (rest,) if rest else ()


def _limit(facts: Mapping[str, Any]) -> Said:
    amount, _, window = facts["limit"].partition("/")
    left = parse_amount(amount).number - facts["used"]
    if not parse_amount(amount).number and not amount.startswith("$"):
        return nothing(facts["subject"], facts["set_by"])
    head = tr(_USED[facts["subject"].partition(":")[0]], amount=counted(amount), when=_for(window))
    if 0 < left < facts["asked"]:
        head = tr(
            "{left} left {when}, and this needs {asked}.",
            left=counted(amount, left),
            when=_for(window),
            asked=counted(amount, facts["asked"]),
        )
    if facts["frees_at_ms"] is None:
        return head, (tr("One like this never fits. Ask for a shorter video, or ask an admin for more."),)
    return head, told("There is room again {at}.", at=Moment(facts["frees_at_ms"]))


_USED = {
    "user": later("You have used your {amount} {when}."),
    "role": later("You have used your role's {amount} {when}."),
    "channel": later("This channel has used its {amount} {when}."),
    "scope": later("This server has used its {amount} {when}."),
    "all": later("This bot has used its {amount} {when}."),
}


def nothing(subject: str, set_by: str) -> Said:
    """Return that a limit of 0 lets nobody ask, and who can raise it."""
    return tr(_NOTHING[subject.partition(":")[0]]), (tr(_RAISED[set_by.startswith("scope:")]),)


_NOTHING = {
    "user": later("You may not ask for videos: your limit is 0."),
    "role": later("Your role may not ask for videos: its limit is 0."),
    "channel": later("Nobody may ask for videos in this channel: its limit is 0."),
    "scope": later("Nobody may ask for videos in this server: its limit is 0."),
    "all": later("Nobody may ask for videos: this bot's limit is 0."),
}
_RAISED = {True: later("An admin can raise it."), False: later("The people who run this bot can raise it.")}
_FOR = {"day": later("for today"), "week": later("for this week"), "month": later("for this month")}
_NOW = {"day": later("today"), "week": later("this week"), "month": later("this month")}


def _for(window: str) -> str:
    if window in _FOR:
        return tr(_FOR[window])
    return tr("for {hours} hours", hours=window.removesuffix("h"))


def _budget(facts: Mapping[str, Any]) -> Said:
    amount, _, window = facts["limit"].partition("/")
    left = max(0, parse_amount(amount).number - facts["used"])
    needs = tr("About ${left} of it is left, and this needs about ${asked}.", left=usd(left), asked=usd(facts["asked"]))
    full = _FULL["all" if facts["subject"].startswith("all") else "scope"]
    can = _CAN[facts["set_by"].startswith("scope:"), bool(facts.get("can_ask"))]
    return tr(full, when=_for(window), amount=amount), (f"{needs} {tr(can)}",)


_FULL = {
    "all": later("This bot's budget {when} has no room for this ({amount})."),
    "scope": later("This server's budget {when} has no room for this ({amount})."),
}
_CAN = {
    (True, True): later("An admin can let this one video through, or raise it."),
    (True, False): later("An admin can raise it."),
    (False, True): later("The people who run this bot can let this one video through, or raise it."),
    (False, False): later("The people who run this bot can raise it."),
}


def _open(facts: Mapping[str, Any]) -> Said:
    return tr("You have {amount} in the making.", amount=counted("1", facts["used"])), (
        tr("That is as many as you may have. Wait for one, or cancel it."),
    )


_RESTS = {
    True: later("It rests since {at}. The people who run it can resume it."),
    False: later("It rests since {at}. An admin can resume it."),
}
_IN_CHAT: Mapping[str, Callable[[Mapping[str, Any]], Said]] = {
    "limit": _limit,
    "budget": _budget,
    "open": _open,
    "offer_off": lambda f: (tr("{offer} is off here.", offer=f["offer"]), (tr("Choose another model."),)),
    "scope_denied": lambda _f: (
        tr("This bot may not be used here."),
        (tr("The people who run it can allow this server; ask whoever added it."),),
    ),
    "paused": lambda f: (
        tr("This bot is paused here."),
        told(_RESTS[bool(f["by_operator"])], at=Moment(f["since_ms"])),
    ),
}


def switches(drafts: Iterable[tuple[str, str]]) -> tuple[Action, ...]:
    """Return a button for each offer that could serve a kept request: it spends money, so that it stands out."""
    found = list(drafts)[:MOST_SWITCHES]
    return tuple(
        Action(label=tr("Switch to {name}", name=name), verb="retry", of=draft, style=Style.MAIN)
        for name, draft in found
    )


def helps(why: Refused) -> tuple[Action, ...]:
    """Return the buttons under a refusal, what helps first; without a draft there is nothing to go on with."""
    draft = why.facts.get("draft")
    if not draft:
        return ()
    edit = Action(label=tr("Edit"), verb="edit", of=draft)
    match why.code:
        case "limit" | "unpriced":
            return (Action(label=tr("Try again"), verb="retry", of=draft), edit, my_videos())
        case "budget" if why.facts.get("can_ask"):
            return (Action(label=tr("Ask for approval"), verb="ask", of=draft, style=Style.MAIN), edit)
        case "budget" | "open" | "paused" | "lacks_permission" | "account_trouble":
            return (Action(label=tr("Try again"), verb="retry", of=draft), edit)
    return (edit,)


def my_videos() -> Action:
    return Action(label=tr("My videos"), verb="jobs")


def kept(inputs: Iterable[str]) -> str:
    """Return what is kept of a request, by its files' roles."""
    return tr(_KEPT[frozenset(inputs)])


_KEPT = {
    frozenset[str](): later("Your sentence is kept. Nothing was charged."),
    frozenset({"image"}): later("Your picture and sentence are kept. Nothing was charged."),
    frozenset({"audio"}): later("Your sound and sentence are kept. Nothing was charged."),
    frozenset({"image", "audio"}): later("Your picture, sound and sentence are kept. Nothing was charged."),
}


def first_use(job: Job, left: Sequence[Left], *, renders_here: bool) -> str:
    """Return what a person reads once: what goes to whom, the limit, where help is."""
    goes = tr("Your picture and sentence go to {who} to make the video.", who=provider(job.offer))
    stays = tr("Your picture and sentence stay on this bot's own machine.")
    limit = personal(left)
    have = "" if limit is None else tr("You have {limits}.", limits=spoken(limit.limit))
    return " ".join(filter(None, [stays if renders_here else goes, have, tr("`/help` says more.")]))


def personal(left: Sequence[Left]) -> Left | None:
    """Return the limit that is about the person, the one with the least left."""
    return next((each for each in left if each.subject.startswith(("user:", "role:"))), None)


def spoken(limits: str | None) -> str:
    """Return a set of limits as it is spoken of: `5 videos a day, $20.00 a month`."""
    each = () if limits in {None, "", "none"} else str(limits).split(",")
    said = (limit.strip().partition("/") for limit in each)
    return ", ".join(f"{counted(amount)} {refusing.per(window)}" for amount, _, window in said) or tr("no limit")


def _now(left: Left) -> str:
    window = left.limit.partition("/")[2]
    return tr(_NOW[window]) if window in _NOW else tr("in {hours} hours", hours=window.removesuffix("h"))


def room(left: Left) -> str:
    """Return what is left of a limit: `3 of 5 videos left today`."""
    amount = left.limit.partition("/")[0]
    rest, most = max(0, left.most - left.used), counted(amount, left.most)
    number = counted(amount, rest) if amount.startswith("$") else str(rest)
    return tr("{number} of {most} left {when}", number=number, most=most, when=_now(left))


def more(left: Left) -> str:
    """Return what was granted on top of a limit: `2 videos more today`; nothing where nothing was."""
    amount = left.limit.partition("/")[0]
    number = left.most - parse_amount(amount).number
    return tr("{amount} more {when}", amount=counted(amount, number), when=_now(left)) if number > 0 else ""


def on_top(limit: str) -> str:
    """Return which limit a grant raises, and until when: `On top of 5 videos a day, for today.`"""
    return tr("On top of {limits}, {when}.", limits=spoken(limit), when=_for(limit.partition("/")[2]))


def taken(left: Left) -> str:
    """Return how much of somebody's limit is used: `This channel: 12 of 40 videos used today`."""
    amount = left.limit.partition("/")[0]
    used = counted(amount, left.used) if amount.startswith("$") else str(left.used)
    taken = _TAKEN.get(left.subject.partition(":")[0], _TAKEN["user"])
    return tr(taken, used=used, amount=counted(amount, left.most), when=_now(left))


_TAKEN = {
    "user": later("You: {used} of {amount} used {when}."),
    "channel": later("This channel: {used} of {amount} used {when}."),
    "scope": later("This server: {used} of {amount} used {when}."),
    "all": later("This bot: {used} of {amount} used {when}."),
}


# What a press comes to.


def not_found() -> Message:
    return plain(tr("There is nothing here any more."), tr("It is from another place, or its time is over."))


def moved_on() -> Message:
    return plain(tr("It has moved on meanwhile."), tr("Look again: its card says where it stands."))


def cannot_stop(job: Job) -> Message:
    """Return the choice where a provider cannot stop what it began."""
    price = job.price_usd_micros
    either = tr("It costs {price} either way.", price=money(price)) if price else ""
    comes = tr("It comes here when it is ready, unless you discard it.")
    return plain(
        tr("{who} cannot stop a video that has started.", who=provider(job.offer)),
        " ".join(filter(None, [either, comes])),
        actions=(
            Action(label=tr("Keep it"), verb="keep", of=job.id),
            Action(label=tr("Discard it"), verb="discard", of=job.id, style=Style.DANGER),
        ),
    )


def discarded(job: Job) -> Message:
    cost = job.price_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
    charged = (
        tr("{who} charges {price} for it all the same.", who=provider(job.offer), price=money(cost))
        if cost
        else tr("Nothing was charged.")
    )
    return plain(tr("Discarded."), charged)


def held(job: Job) -> Message:
    return plain(
        tr("Waiting for an admin.") if job.is_for_admins else tr("Waiting for the people who run this bot."),
        tr(
            "You asked for one video over the budget, {price}. Without an answer it ends after 7 days. Nothing was charged.",
            price=about(job.price_usd_micros),
        ),
        actions=(Action(label=tr("Withdraw"), verb="cancel", of=job.id),),
    )


def asks_to_delete(job: Job, kept_days: int) -> Message:
    days = trn("{number} day", "{number} days", kept_days)
    return plain(
        tr("Delete this video for everybody here?"),
        tr("What it cost stays charged. The copy kept by this bot goes within {days}.", days=days),
        actions=(
            Action(label=tr("Delete the video"), verb="deleted", of=job.id, style=Style.DANGER),
            Action(label=tr("Keep it"), verb="leave", of=job.id),
        ),
    )


def asks_twice(job: Job) -> Message:
    price = about(job.price_usd_micros)
    return plain(
        tr("Run it again, though it may be paid twice?"),
        tr(
            "{who} may still be making the first one. A new one is {price}, and counts as one of your videos.",
            who=provider(job.offer),
            price=price,
        ),
        actions=(
            Action(label=tr("Run it again (may be paid twice)"), verb="twiced", of=job.id, style=Style.MAIN),
            Action(label=tr("Leave it"), verb="leave", of=job.id),
        ),
    )


def budget_with(job: Job, left: Iterable[Left]) -> str:
    """Return how the budget stands that a held job goes past, and how it would with the job."""
    its = next((each for each in left if f"{each.subject} {each.limit} {each.set_by}" == job.budget), None)
    if its is None:
        return ""
    used, most, after = (f"${usd(each)}" for each in (its.used, its.most, its.used + job.reserved_usd_micros))
    stands = _STANDS["all" if its.subject.startswith("all") else "scope"]
    return tr(stands, when=_now(its), used=used, most=most, after=after)


_STANDS = {
    "all": later("This bot's budget {when}: {used} of {most} used. With this video: {after}."),
    "scope": later("This server's budget {when}: {used} of {most} used. With this video: {after}."),
}


def over_budget(budget: str) -> Message:
    subject, limit, _ = (*budget.split(" "), "", "")[:3]
    full = _STILL_FULL["all" if subject.startswith("all") else "scope"]
    return plain(tr("It cannot be approved yet."), tr(full, budget=limit.partition("/")[0] or subject))


_STILL_FULL = {
    "all": later("This bot's budget ({budget}) has no room for it. Raise that first; the request keeps waiting."),
    "scope": later("Another budget ({budget}) has no room for it. Raise that first; the request keeps waiting."),
}
