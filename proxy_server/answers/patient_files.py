"""A user's files for an accepted answer, which must survive an outage of the database."""

from proxy_server.answers.retries import until_it_succeeds
from proxy_server.errors import StoreUnavailable
from proxy_server.protocol.files import FileInfo, Files


class PatientFiles:
    """Retries reading until the database answers; the answer's own time limit ends it."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def about(self, url: str) -> FileInfo | None:
        return await until_it_succeeds(lambda: self._files.about(url), StoreUnavailable)

    async def read(self, url: str) -> bytes | None:
        return await until_it_succeeds(lambda: self._files.read(url), StoreUnavailable)
