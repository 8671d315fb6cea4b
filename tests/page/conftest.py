"""Chromium, a visitor in it, and the page with everything behind it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from testbed import frontend, machine
from testbed.deployment import Deployment
from testbed.ports import free_port
from tests.conftest import needs
from tests.page.browser import WAIT_MILLISECONDS, Visitor, page_server, visiting

SETTINGS = {"PROMPTS_PER_MINUTE": "1000", "LEASE_SECONDS": "2", "SHUTDOWN_GRACE_SECONDS": "0.5"}


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    # for this module only: while it lives, no other event loop can run in the thread
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = machine.chromium()
    needs(Chromium=found)
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with playwright.chromium.launch(executable_path=found, args=["--no-sandbox"]) as launched:
        yield launched


@pytest.fixture(scope="module")
def page_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def deployment(page_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    origins = {"CENTRIFUGO_CLIENT_ALLOWED_ORIGINS": f"http://127.0.0.1:{page_port}"}
    folder = tmp_path_factory.mktemp("page")
    with Deployment(folder=folder, settings=SETTINGS, centrifugo_settings=origins) as running:
        yield running


@pytest.fixture(scope="module")
def origin(page_port: int, deployment: Deployment) -> Iterator[str]:
    frontend.build()
    with page_server(page_port, deployment.port, deployment.folder):
        yield f"http://127.0.0.1:{page_port}"


@pytest.fixture
def visitor(browser: Browser, origin: str) -> Iterator[Visitor]:
    with visiting(browser, origin) as visitor:
        yield visitor


@pytest.fixture
def stranger(browser: Browser, origin: str) -> Iterator[Visitor]:
    with visiting(browser, origin) as visitor:
        yield visitor
