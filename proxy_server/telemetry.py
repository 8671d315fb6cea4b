"""Prometheus metrics: counters and histograms that the other modules feed."""

from time import monotonic

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.exposition import start_http_server

GENERATIONS = Counter("llm_generations_total", "Answers that ended, by their status", ["status"])
MODEL_FAILURES = Counter("llm_model_failures_total", "Answers the model failed, by why", ["reason"])
ACTIVE = Gauge("llm_generations_active", "Answers being made by this process")
WAITING = Gauge("llm_generations_waiting", "Answers that wait for a place in this process")
TAKEN_OVER = Counter("llm_generations_taken_over_total", "Answers of a replica that went silent")
FIRST_TOKEN_SECONDS = Histogram(
    "llm_first_token_seconds",
    "From the beginning of an answer to the model's first token",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
)
TOKENS = Counter("llm_tokens_total", "Tokens paid for", ["direction"])
PUBLISH_SECONDS = Histogram(
    "llm_publish_seconds",
    "One batch to Centrifugo and back",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
BATCH_SIZE = Histogram(
    "llm_publish_batch_size",
    "Publications in one batch",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500),
)
UNREACHABLE = Gauge("llm_centrifugo_unreachable", "1 while Centrifugo takes no publication")
CALLS = Counter(
    "llm_proxy_calls_total", "Calls from Centrifugo, by method and code", ["method", "code"]
)


class LineLimit:
    """Limits log lines of one kind per second, and counts those left out."""

    def __init__(self, per_second: int = 50) -> None:
        self._per_second = per_second
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def admit(self) -> int | None:
        """None if the line must be left out; otherwise the number of lines left out before it."""
        second = int(monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines > self._per_second:
            self._left_out += 1
            return None
        left_out, self._left_out = self._left_out, 0
        return left_out


def serve(listen: str) -> None:
    """Serves /metrics at host:port from a separate thread, as long as the process lives."""
    host, _, port = listen.rpartition(":")
    start_http_server(int(port), host)
