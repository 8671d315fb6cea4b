"""Keyed hashes that prove that this service made a name, for one purpose and one user."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence

LENGTH = 22
"""Characters of a signature: 16 bytes of HMAC-SHA-256 in URL-safe base64."""


class Signer:
    """Signs with the first secret and accepts any, so that secrets can be rotated.

    To rotate, add the new secret in last place everywhere, then move it to first place: no replica
    then meets a signature that it does not know.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("at least one secret is needed")
        self._keys = [hmac.new(secret.encode(), digestmod="sha256") for secret in secrets]

    def sign(self, *fields: str) -> str:
        return _digest(self._keys[0], fields)

    def signatures(self, *fields: str) -> list[str]:
        """One signature per secret; the first is the one used for signing."""
        return [_digest(key, fields) for key in self._keys]

    def verify(self, signature: str, *fields: str) -> bool:
        given = signature.encode()
        return any(hmac.compare_digest(given, _digest(key, fields).encode()) for key in self._keys)


def _digest(key: hmac.HMAC, fields: Sequence[str]) -> str:
    # Each field is preceded by its length: ("ab", "c") and ("a", "bc") must not have the same
    # signature.
    message = b"".join(
        len(raw).to_bytes(4, "big") + raw
        for raw in (field.encode("utf-8", "surrogatepass") for field in fields)
    )
    # A copy of a prepared hash, not hmac.digest(): that releases the GIL, and taking it back from
    # gRPC's threads takes longer than the hash.
    keyed = key.copy()
    keyed.update(message)
    return urlsafe_b64encode(keyed.digest()[:16]).decode().rstrip("=")
