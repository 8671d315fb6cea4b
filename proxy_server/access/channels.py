"""Conversation ids and channel names: made, signed and verified without a database.

A conversation's id is 16 random characters and a signature over them and the owner. A user's own
channel is named in the same way, with a hash of the user in place of the random part. So checking
who owns a channel takes only a hash.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode

from proxy_server.access.signatures import LENGTH, Signer

_NONCE = 16
_CONVERSATION, _USER = "c", "u"


class Channels:
    """Channel names in one of Centrifugo's namespaces."""

    def __init__(self, namespace: str, signer: Signer) -> None:
        self._prefix = f"{namespace}:"
        self._signer = signer

    def new_conversation(self, user: str) -> str:
        """A new conversation's id: opaque to clients, ASCII, 39 characters."""
        nonce = _CONVERSATION + secrets.token_urlsafe(12)
        return nonce + self._signer.sign("channel", user, nonce)

    def owns(self, user: str, conversation: str) -> bool:
        """Whether this service made the id for that user."""
        return conversation.startswith(_CONVERSATION) and self._signed(user, conversation)

    def of_conversation(self, conversation: str) -> str:
        return self._prefix + conversation

    def of_user(self, user: str) -> list[str]:
        """The user's own channel under each secret; clients get the first.

        While secrets are rotated, a client may still be subscribed to a name under the old secret,
        so publications for the user go to all of them.
        """
        digest = hashlib.sha256(user.encode("utf-8", "surrogatepass")).digest()[:12]
        nonce = _USER + urlsafe_b64encode(digest).decode()
        return [
            self._prefix + nonce + signature
            for signature in self._signer.signatures("channel", user, nonce)
        ]

    def belongs_to(self, user: str, channel: str) -> bool:
        """Whether that user may subscribe to the channel."""
        return channel.startswith(self._prefix) and self._signed(user, channel[len(self._prefix) :])

    def _signed(self, user: str, name: str) -> bool:
        nonce, signature = name[: 1 + _NONCE], name[1 + _NONCE :]
        return (
            bool(user)
            and len(signature) == LENGTH
            and name.isascii()
            and self._signer.verify(signature, "channel", user, nonce)
        )
