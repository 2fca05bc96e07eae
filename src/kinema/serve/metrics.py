"""What the server counts, as Prometheus reads it."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .desk import Desk
from .service import Service

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counters of one application; each has a registry of its own."""

    def __init__(self, service: Service, desk: Desk):
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "kinema_requests", "Answered requests.", ("path", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "kinema_request_seconds",
            "From a request's first byte to the end of its answer.",
            ("path",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(_Present(service, desk))
        ProcessCollector(registry=self.registry)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)


class _Present:
    """Gauges that are read when they are asked for."""

    def __init__(self, service: Service, desk: Desk):
        self.service, self.desk = service, desk

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("kinema_requests_inside", "Requests let in.", self.desk.inside)
        yield GaugeMetricFamily("kinema_requests_working", "Requests being worked on.", self.desk.working)
        yield GaugeMetricFamily("kinema_requests_capacity", "Requests that are let in.", self.desk.capacity)
        yield CounterMetricFamily(
            "kinema_decoders_replaced", "Decoding processes replaced after trouble.", self.service.replaced
        )


class Counting:
    """ASGI middleware that counts the answers of an application's routes, by the paths that it declares."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            # What a client calls a path would make a series each.
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, status).inc()
            self.metrics.seconds.labels(route).observe(time.monotonic() - started)
