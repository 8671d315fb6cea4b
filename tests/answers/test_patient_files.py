"""An accepted prompt waits for its files, as it does for its history."""

from proxy_server.answers.patient_files import PatientFiles
from proxy_server.errors import StoreUnavailable
from proxy_server.protocol.files import FileInfo


class Away:
    """Files whose database does not answer the first two times."""

    def __init__(self) -> None:
        self.tries = 0

    async def about(self, url: str) -> FileInfo | None:
        self._answer()
        return FileInfo(url, None, 1)

    async def read(self, url: str) -> bytes | None:
        self._answer()
        return url.encode()

    def _answer(self) -> None:
        self.tries += 1
        if self.tries < 3:
            raise StoreUnavailable


async def test_an_outage_is_waited_out() -> None:
    assert await PatientFiles(Away()).about("a") == FileInfo("a", None, 1)
    assert await PatientFiles(Away()).read("a") == b"a"
