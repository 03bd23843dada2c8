"""What admins order for their scope: limits, budget, who may use the bot, where and how, and a rest; each can be undone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

from bot import accounts, allowance, arrangement, orders, sayings, undoing, worth
from bot.choices import ALERTS, BLOCKED, CHANNELS, MODELS, PAUSED, ROLES, SPOILER, THREAD, Choices, chosen
from bot.intake import Intake
from bot.language import later, tr
from bot.orders import Wrong
from bot.platforms.contract import Answer, Answering, Asking, Message, Order, Press
from bot.ports import Ports
from bot.refusals import Refused
from bot.sayings import plain
from bot.wording import counted, listed, quoted, together
from storage.contract import APPROVALS, Draft
from storage.errors import Unknown
from storage.limits import parse_amount, parse_limits, write_limits

_EVERYWHERE = later("As you run this bot, it holds wherever they use it.")
_ANSWERED = {
    Answering.THREAD: later("The progress and the video come in a thread on the card."),
    Answering.REPLY: later("The video comes as a reply to its card."),
    Answering.CHANNEL: later("The video comes as a message of its own."),
}
_PLACES = {CHANNELS: "channel", ROLES: "role"}
_CLOSED = {
    CHANNELS: (later("Channels: {names}"), later("The bot is used there alone.")),
    ROLES: (later("Roles: {names}"), later("The bot is for them alone, and for admins.")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What an order came to, and what takes it back."""

    head: str
    meaning: str = ""
    undo: Mapping[str, Any] | None = None


class Admin:
    """Takes orders from a scope's admins, and from operators, whose word goes further; in one scope one after the other."""

    def __init__(self, ports: Ports, intake: Intake, now_ms: Callable[[], int]) -> None:
        self._ports, self._intake, self._now_ms = ports, intake, now_ms
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._verbs: Mapping[str, Callable[[Order], Awaitable[_Done | Message]]] = {
            "limit": self._limit,
            "grant": self._grant,
            "clear": self._clear,
            "budget": self._budget,
            "block": self._block,
            "unblock": self._unblock,
            "approvals": self._approvals,
            "channels": self._places,
            "roles": self._places,
            "models": self._models,
            "thread": self._thread,
            "alerts": self._alerts,
            "spoiler": self._spoiler,
            "pause": self._pause,
            "resume": self._resume,
            "usage": self._usage,
            "show": self._show,
        }

    async def order(self, order: Order) -> Answer:
        """Do what an admin says, and say what it means."""
        if not (order.is_admin or order.is_operator):
            return Answer(message=plain(tr("You may not change this."), tr("Only an admin here can.")))
        try:
            await self._intake.check_scope(order)
            async with self._turn(order):
                return Answer(message=await self._done(order))
        except Refused as refused:
            head, text = sayings.refused(refused, ZoneInfo(self._ports.settings.timezone))
            return Answer(message=Message(head=head, text=text))
        except Wrong as wrong:
            return Answer(message=wrong.message)

    def _turn(self, asking: Asking) -> asyncio.Lock:
        """Return what lets one change of a scope be over before the next one reads what it changes."""
        return self._turns.setdefault(asking.scope, asyncio.Lock())

    async def _done(self, order: Order) -> Message:
        do = self._verbs.get(order.verb)
        done = plain(tr("There is no such order.")) if do is None else await do(order)
        return done if isinstance(done, Message) else await self._confirmed(order, done)

    async def _confirmed(self, order: Order, done: _Done) -> Message:
        """Return what was done and what it means, with a button that takes it back; what was so already was not done."""
        meaning = [done.meaning] if done.meaning else []
        if done.undo is None:
            return plain(done.head, *meaning)
        undo = await undoing.keep(self._ports.store, order, done.undo)
        if undo is None:
            return plain(done.head, tr("It was so already; nothing was changed."))
        return plain(done.head, *meaning, actions=(undo,))

    async def undo(self, press: Press, draft: Draft) -> Answer:
        """Put back what an order changed, for whoever gave it and still may."""
        async with self._turn(press):
            return Answer(message=await undoing.undo(self._ports.store, press, draft))

    async def _limit(self, order: Order) -> _Done:
        """Set how much may be used; of the scope itself it leaves the budget alone where no dollars are named."""
        subject, by = orders.subject_of(order), orders.hand(order)
        limits = orders.limits_of(order.words.get("amount", ""))
        before = await undoing.rule_of(self._ports.store, subject, by)
        is_scope = subject.startswith("scope:")
        kept = orders.only(before, dollars=True) if is_scope and not orders.has_dollars(limits) else ()
        after = orders.row_of(limits + kept, before) if is_scope else write_limits(limits)
        await undoing.keep_rule(self._ports.store, subject, after, by)
        spoken = sayings.spoken(write_limits(limits))
        counts = write_limits(orders.only(before, dollars=False)) if kept else before
        was = tr("Before: {limits}.", limits=sayings.spoken(counts)) if before else tr("Before: none of its own.")
        stays = tr("The budget stays as it is.") if kept else ""
        allowed = () if by == "operator" else await allowance.allowed(self._ports, subject)
        reach = tr(_EVERYWHERE) if by == "operator" else worth.as_well(allowed)
        worth_it = worth.of_limits(self._ports, limits, orders.kind_of(subject), orders.members(order), allowed)
        return _Done(
            head=tr("Limit for {name}: {limits}.", name=orders.name_of(order, subject), limits=spoken),
            meaning=together(worth_it, was, stays, reach),
            undo={"subject": subject, "before": before, "after": after, "by": by},
        )

    async def _clear(self, order: Order) -> _Done:
        subject, by = orders.subject_of(order), orders.hand(order)
        before = await undoing.rule_of(self._ports.store, subject, by)
        if not await self._ports.store.clear_limits(subject, by=by):
            raise Wrong(
                plain(
                    tr("{name} had no limits of its own.", name=orders.starting(order, subject)),
                    tr("Nothing was changed."),
                )
            )
        undo = {"subject": subject, "before": before, "after": None, "by": by}
        return _Done(
            head=tr("{name} has no limits of its own any more.", name=orders.starting(order, subject)),
            meaning=tr("Before: {limits}.", limits=sayings.spoken(before)),
            undo=undo,
        )

    async def _grant(self, order: Order) -> _Done:
        subject, amount = orders.subject_of(order), orders.amount_of(order.words.get("amount", ""))
        try:
            raised = await self._ports.store.grant(
                subject, amount, rules=self._ports.settings.rules, by=orders.hand(order)
            )
        except Unknown:
            raise Wrong(
                plain(tr("There is no limit that counts in that unit."), tr("Set one first; nothing was changed."))
            ) from None
        return _Done(
            head=tr(
                "{name} may use {amount} more, once.", name=orders.starting(order, subject), amount=counted(amount)
            ),
            meaning=together(*map(sayings.on_top, dict.fromkeys(raised)), tr("A grant cannot be taken back.")),
        )

    async def _budget(self, order: Order) -> _Done:
        subject, by = f"scope:{order.scope}", orders.hand(order)
        amount = orders.dollars_of(order.words.get("amount", ""))
        before = await undoing.rule_of(self._ports.store, subject, by)
        limits = orders.only(before, dollars=False) + (parse_limits(f"{amount}{orders.MONTH}") if amount else ())
        after = orders.row_of(limits, before)
        await undoing.keep_rule(self._ports.store, subject, after, by)
        was = sayings.spoken(write_limits(orders.only(before, dollars=True)))
        meaning = tr("Only what the people who run this bot set holds now.")
        if amount:
            allowed = await allowance.a_month_usd_micros(self._ports, subject)
            meaning = worth.of_budget(self._ports, parse_amount(amount).number, allowed)
        return _Done(
            head=tr("Budget: {amount} a month.", amount=amount)
            if amount
            else tr("There is no budget of this server's own any more."),
            meaning=f"{meaning} {tr('Before: {limits}.', limits=was)}",
            undo={"subject": subject, "before": before, "after": after, "by": by},
        )

    async def _block(self, order: Order) -> _Done:
        user = orders.user_of(order)
        if user == order.user:
            raise Wrong(plain(tr("You cannot block yourself.")))
        blocked = (await self._choices(order)).blocked
        name = blocked.get(user) or orders.name_of(order, user)
        undo = await self._choose(order, BLOCKED, dict(blocked) | {user: name})
        meaning = tr("They cannot ask for videos here; those in the making go on.")
        return _Done(head=tr("{name} is blocked.", name=orders.name_of(order, user)), meaning=meaning, undo=undo)

    async def _unblock(self, order: Order) -> _Done:
        user, choices = orders.user_of(order), await self._choices(order)
        if user not in choices.blocked:
            raise Wrong(
                plain(tr("{name} is not blocked.", name=orders.name_of(order, user)), tr("Nothing was changed."))
            )
        undo = await self._choose(order, BLOCKED, orders.without(choices.blocked, user) or None)
        return _Done(head=tr("{name} may use the bot again.", name=orders.name_of(order, user)), undo=undo)

    async def _approvals(self, order: Order) -> _Done:
        switched = orders.is_on(order)
        was = await arrangement.takes_approvals(self._ports.store, f"scope:{order.scope}")
        undo = await self._choose(order, APPROVALS, switched)
        if was is switched:
            undo = dict(undo) | {"after": undo["before"]}
        meaning = tr("A request over the budget can be put to an admin, who lets it through or not.")
        refused = tr("A request over the budget is refused.")
        return _Done(
            head=tr("Approvals are on.") if switched else tr("Approvals are off."),
            meaning=meaning if switched else refused,
            undo=undo,
        )

    async def _places(self, order: Order) -> _Done:
        """Say in which channels, or for which roles, the bot is used."""
        word = _PLACES[order.verb]
        choices = await self._choices(order)
        before = choices.channels if order.verb == CHANNELS else choices.roles
        found = orders.changed(order, word, before)
        undo = await self._choose(order, order.verb, found or None)
        head, closed = _CLOSED[order.verb]
        return _Done(
            head=f"{tr(head, names=orders.all_of(found.values()))}.",
            meaning=tr(closed) if found else tr("Nothing is closed any more."),
            undo=undo,
        )

    async def _models(self, order: Order) -> _Done:
        known = {*self._ports.catalogue.models(), *self._ports.catalogue.offers}
        model = order.words.get("model", "")
        if model and model not in known:
            raise Wrong(
                plain(
                    tr("There is no model {model}.", model=quoted(model)),
                    tr("Choose {names}.", names=listed(sorted(known))),
                )
            )
        choices = await self._choices(order)
        found = orders.changed(order, "model", {each: each for each in choices.models})
        undo = await self._choose(order, MODELS, found or None)
        meaning = tr("No other may be asked for here.") if found else tr("Whatever is on may be asked for.")
        return _Done(head=tr("Models: {names}.", names=orders.all_of(found)), meaning=meaning, undo=undo)

    async def _thread(self, order: Order) -> _Done:
        how, channel = order.words.get("how", ""), order.words.get("channel", "")
        if how not in set(Answering):
            raise Wrong(plain(tr("Say how videos come."), tr("As {names}.", names=listed(list(Answering)))))
        choices = await self._choices(order)
        undo = await self._choose(order, THREAD, dict(choices.thread) | {channel: how})
        everywhere = tr("Videos wherever nothing else was chosen: {how}.", how=how)
        there = tr("Videos in {name}: {how}.", name=orders.name_of(order, channel), how=how)
        return _Done(head=there if channel else everywhere, meaning=tr(_ANSWERED[Answering(how)]), undo=undo)

    async def _alerts(self, order: Order) -> _Done:
        channel = order.words.get("channel", "")
        if channel.lower() in orders.LIFTED:
            undo = await self._choose(order, ALERTS, None)
            return _Done(
                head=tr("No channel is told."), meaning=tr("Approvals are asked for below the card."), undo=undo
            )
        undo = await self._choose(order, ALERTS, channel)
        meaning = tr("Requests for approval are put there.")
        return _Done(
            head=tr("Admins are told in {name}.", name=orders.name_of(order, channel)), meaning=meaning, undo=undo
        )

    async def _spoiler(self, order: Order) -> _Done:
        covered = orders.is_on(order)
        undo = await self._choose(order, SPOILER, covered or None)
        return _Done(
            head=tr("Videos come covered.") if covered else tr("Videos come open."),
            meaning=tr("Whoever wants to see one uncovers it.") if covered else tr("Everybody here sees them at once."),
            undo=undo,
        )

    async def _pause(self, order: Order) -> _Done:
        """Let the scope rest; an operator's pause takes the place of an admin's."""
        pause = (await self._choices(order)).pause
        if pause is not None and (pause.by_operator or not order.is_operator):
            raise Wrong(plain(tr("It is paused already."), tr("Nothing was changed.")))
        undo = await self._choose(order, PAUSED, {"at_ms": self._now_ms(), "by_operator": order.is_operator})
        return _Done(
            head=tr("Paused."), meaning=tr("Nobody here can ask for a video; those in the making go on."), undo=undo
        )

    async def _resume(self, order: Order) -> _Done:
        if (await self._choices(order)).pause is None:
            raise Wrong(plain(tr("It is not paused."), tr("Nothing was changed.")))
        await undoing.check_may_resume(self._ports.store, order)
        await self._choose(order, PAUSED, None)
        return _Done(head=tr("It goes on."), meaning=tr("Videos can be asked for again."))

    async def _usage(self, order: Order) -> Message:
        return await accounts.usage(self._ports, order)

    async def _show(self, order: Order) -> Message:
        return await arrangement.shown(self._ports, order)

    async def _choices(self, order: Asking) -> Choices:
        return await chosen(self._ports.store, order.scope)

    async def _choose(self, order: Order, name: str, value: Any) -> Mapping[str, Any]:
        """Set a choice; what takes it back."""
        before = await self._ports.store.choose(f"scope:{order.scope}", name, value, by=f"user:{order.user}")
        return {"choice": name, "before": before, "after": value}
