"""One browser a session, and one device whose people are enrolled once."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.kiosk import browser as real
from tests.edge.kiosk.staged import Staged


@pytest.fixture(scope="session")
def one_browser() -> Iterator[real.Browser]:
    with real.browser() as made:
        yield made


@pytest.fixture
def browser(one_browser: real.Browser) -> Iterator[real.Browser]:
    """The session's browser, on an empty page, whose console must stay without complaints."""
    one_browser.size(1024, 600)
    yield one_browser
    complaints = one_browser.complaints()
    one_browser.open("about:blank")
    assert complaints == []


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="cf-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def staged() -> Iterator[Staged]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder, contextlib.ExitStack() as stack:
        made = Staged(Path(folder))
        stack.callback(made.close)
        yield made
