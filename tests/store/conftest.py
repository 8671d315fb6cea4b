import pytest

from proxy_server.store.database import Store
from tests.store.library import Library


@pytest.fixture
def library(store: Store) -> Library:
    return Library(store)
