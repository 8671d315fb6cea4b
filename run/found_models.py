"""Model servers that already run on this machine: offered, never used without being asked."""

import http.client
import json
from collections.abc import Mapping

PLACES: Mapping[str, int] = {"Ollama": 11434, "LM Studio": 1234}
_SECONDS = 0.5


def offers(places: Mapping[str, int] = PLACES) -> list[str]:
    """A line for each server that has a model."""
    found = ((name, port, _first_model(port)) for name, port in places.items())
    return [
        f"{name} on this machine has {model}: "
        f"OPENAI_BASE_URL=http://127.0.0.1:{port}/v1 OPENAI_MODEL={model} make run"
        for name, port, model in found
        if model
    ]


def _first_model(port: int) -> str | None:
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        asking.request("GET", "/v1/models")
        listed = json.loads(asking.getresponse().read())["data"]
        # embedding models cannot answer
        names = [str(model["id"]) for model in listed if "embed" not in str(model["id"])]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        asking.close()
    return names[0] if names else None
