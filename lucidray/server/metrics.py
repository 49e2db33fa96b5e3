"""What the service counts, in the format of Prometheus. No label tells a film, a patient or a person."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._outcomes = Counter(
            "lucidray_readings", "Readings by what became of them", ["outcome"], registry=self._registry
        )
        self._seconds = Histogram(
            "lucidray_reading_seconds", "Time to read a film", buckets=_SECONDS, registry=self._registry
        )
        self._requests = Counter(
            "lucidray_http_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._request_seconds = Histogram(
            "lucidray_http_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, registry=self._registry
        )

    def show(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Add a gauge that is asked when somebody looks."""
        Gauge(name, what, registry=self._registry).set_function(value)

    def outcome(self, outcome: str) -> None:
        """Count a reading that came to nothing."""
        self._outcomes.labels(outcome).inc()

    def read(self, outcome: str, seconds: float) -> None:
        """Count a reading."""
        self._outcomes.labels(outcome).inc()
        self._seconds.observe(seconds)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the pattern, not the address."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self._registry)
