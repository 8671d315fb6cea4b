"""Signs each request as in Standard Webhooks, so that a route knows who is asking.

Why not a token: the signature covers the body, with the user and the conversation; a recorded
request expires after minutes; and most languages have libraries for it.
"""

import base64
import hmac
import time
import uuid
from collections.abc import Sequence

from proxy_server.errors import ResponderUnusable

_PREFIX = "whsec_"
_LEAST_BYTES = 24


class RouteSigner:
    """Signs with each secret, so that a route may know either one during a rotation.

    Raises ResponderUnusable for a secret that does not have the standard's form.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [_key(secret) for secret in secrets]

    def headers(self, body: bytes) -> dict[str, str]:
        """The headers of one request; none without a secret."""
        if not self._keys:
            return {}
        sent, now = f"msg_{uuid.uuid4().hex}", str(int(time.time()))
        signed = b".".join((sent.encode(), now.encode(), body))
        made = (base64.b64encode(hmac.digest(key, signed, "sha256")) for key in self._keys)
        return {
            "webhook-id": sent,
            "webhook-timestamp": now,
            "webhook-signature": " ".join(f"v1,{signature.decode()}" for signature in made),
        }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < _LEAST_BYTES:
        raise ResponderUnusable(
            f"RESPONDER_SECRETS: give {_PREFIX} and base64 of at least {_LEAST_BYTES} bytes each, "
            f"such as `echo {_PREFIX}$(openssl rand -base64 32)` makes"
        )
    return key
