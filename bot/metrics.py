"""What a scraper is told: jobs, places, money and alerts, read from the store when it asks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storage.contract import Overview
from storage.states import FINAL, State

STANDING = tuple(state for state in State if state not in FINAL)


def page(reading: Overview, offers: Collection[str]) -> bytes:
    """Return the text that Prometheus reads; these offers are on it even where nothing stands."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(reading, offers))
    return generate_latest(registry)


class _Told(Collector):
    """One reading as metrics. A label is an offer or a state, never a person, a place or a job."""

    def __init__(self, reading: Overview, offers: Collection[str]) -> None:
        self._reading = reading
        self._offers = sorted({*offers, *(offer for offer, _ in reading.jobs)})

    def collect(self) -> Iterator[Metric]:
        yield self._standing()
        overview = self._reading
        queued = {offer: overview.jobs.get((offer, State.QUEUED), 0) for offer in self._offers}
        in_flight = {offer: overview.in_flight.get(offer, 0) for offer in self._offers}
        yield _by_offer("queue_length", "Jobs that wait for a place at their offer.", queued)
        yield _by_offer("in_flight_jobs", "Places that are taken at the offer.", in_flight)
        yield GaugeMetricFamily(
            "stillmotion_spend_month_dollars",
            "What the month's jobs were billed, or may still be.",
            overview.month_usd_micros / 1_000_000,
        )
        yield GaugeMetricFamily(
            "stillmotion_alerts", "What operators must hear; doctor lists it.", self._reading.alerts
        )

    def _standing(self) -> Metric:
        family = GaugeMetricFamily("stillmotion_jobs", "Jobs that are not over.", labels=("offer", "state"))
        for offer in self._offers:
            for state in STANDING:
                family.add_metric((offer, state), self._reading.jobs.get((offer, state), 0))
        return family


def _by_offer(name: str, meaning: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"stillmotion_{name}", meaning, labels=("offer",))
    for offer, value in sorted(values.items()):
        family.add_metric((offer,), value)
    return family
