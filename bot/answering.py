"""What is said to a request: that it is on its way, or why not, with what was kept of it and what helps."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from bot import replies, sayings, showing
from bot.language import later, tr
from bot.origins import draft_id, own_draft
from bot.platforms.contract import Asking, Command, Item, Message
from bot.ports import Ports
from bot.refusals import Refused
from bot.sayings import plain
from bot.wording import about, together
from storage.contract import Draft, Job

_PREVIEW = later("It is a preview without AI: a camera move over the picture, which does not act out the sentence.")


async def on_its_way(ports: Ports, command: Command, job: Job) -> Message:
    """Return what was taken on, and the first time what goes to whom."""
    offer = ports.catalogue.offers[job.offer]
    resolution = str(offer.options(job.request["options"])["resolution"])
    recipe = f"{replies.recipe(job, resolution)}, {about(job.price_usd_micros)}."
    preview = tr(_PREVIEW) if replies.is_preview(job) else ""
    said = plain(tr("Your video is on its way."), together(recipe, preview))
    if len(await ports.store.jobs(user=job.subjects.user, most=2)) > 1:
        return said
    left = await showing.left_of(ports, command)
    return replace(said, small=(sayings.first_use(job, left, renders_here=offer.spec.renders_here),))


async def refusal(ports: Ports, asking: Asking, refused: Refused) -> Message:
    """Return why it was not taken, with what was kept of it and the buttons that help."""
    head, text = sayings.refused(refused, ZoneInfo(ports.settings.timezone))
    draft = await own_draft(ports, asking, refused.facts.get("draft", ""))
    if draft is None:
        return Message(head=head, text=text, small=(tr("Nothing was charged."),))
    if asking.is_told_apart:
        again = tr("Nothing was charged. To try again, use `/animate` or mention me once more.")
        return Message(head=head, text=text, quote=draft.request.get("prompt", ""), small=(again,))
    others = list(refused.facts.get("others") or ())[: sayings.MOST_SWITCHES]
    switches = sayings.switches([await _other(ports, draft, name) for name in others])
    return Message(
        head=head,
        text=text,
        quote=draft.request.get("prompt", ""),
        small=(sayings.kept(each.role for each in draft.inputs),),
        items=await _in_the_making(ports, asking) if refused.code == "open" else (),
        actions=switches + sayings.helps(refused),
    )


def behind(refused: Message | None, message: Message) -> Message:
    """Return a message with why nothing can be asked for in front of it, where that is so."""
    if refused is None:
        return message
    said = (message.head, " ", *message.text) if message.text else (message.head,)
    return replace(message, head=refused.head, text=(*refused.text, "\n", *said))


async def _in_the_making(ports: Ports, asking: Asking) -> tuple[Item, ...]:
    found = await showing.open_jobs(ports, asking)
    return tuple([await showing.line(ports, job) for job in found[: showing.PAGE]])


async def _other(ports: Ports, draft: Draft, name: str) -> tuple[str, str]:
    """Keep the same request for another model: its button needs no more than to try that."""
    other = replace(
        draft, id=draft_id(draft.id, name), request=dict(draft.request) | {"model": name}, refusal=None, job=None
    )
    await ports.store.keep_draft(other)
    return name, other.id
