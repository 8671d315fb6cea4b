"""The use cases: what users do, independent of calls and storage.

Imports every room but `calls`. Its public parts: `Chat` for the turns of a conversation, `Library`
for all conversations of a user, `Uploads` for files. Every method raises a Refusal if it refuses,
and StoreUnavailable if the database is down.
"""

from proxy_server.chat.chat import Chat
from proxy_server.chat.library import Library
from proxy_server.chat.prompts import NewPrompt
from proxy_server.chat.uploads import Uploads

__all__ = ["Chat", "Library", "NewPrompt", "Uploads"]
