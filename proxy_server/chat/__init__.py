"""The use cases: what a user does, apart from how it was asked for and from how it is stored.

Imports all rooms but `calls`. Its doors: `Chat` has the turns of a conversation, `Library` all
conversations there are, `Uploads` the files. Every method raises a Refusal where it says no, and
StoreUnavailable where the database is away.
"""

from proxy_server.chat.chat import Chat
from proxy_server.chat.library import Library
from proxy_server.chat.prompts import NewPrompt
from proxy_server.chat.uploads import Uploads

__all__ = ["Chat", "Library", "NewPrompt", "Uploads"]
