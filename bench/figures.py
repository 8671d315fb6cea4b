"""The figures: what is run for each, and what counts as met."""

from bench.report import Row
from bench.site import Load, Site

SERVER = "proxy server 1"


def token_cost(site: Site, *, tokens: int) -> list[Row]:
    """CPU per token at 200 streams, of this service and its peers; nothing is subtracted."""
    load = Load(streams=200, tokens=tokens)
    floor = site.floor(load) / load.all_tokens
    ours = site.run("200 streams", load).per_token(SERVER)
    with site.peer("sse", site.model_url) as peer:
        site.run("sse, warming up", Load(streams=10, tokens=20), "sse", peer)
        sse = site.run("sse, 200 streams", load, "sse", peer).per_token("sse")
    return [
        Row("CPU per token, 200 streams", f"{ours * 1e6:.1f} µs"),
        Row(
            "… against floor",
            f"{ours / floor:.2f} × {floor * 1e6:.1f} µs",
            "≤ 1.6 ×",
            ours <= 1.6 * floor,
        ),
        Row("… against SSE", f"1/{sse / ours:.1f} of {sse * 1e6:.1f} µs", "≤ 1/5", ours <= sse / 5),
    ]
