"""What the tests of chapters share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def no_stills() -> Iterator[None]:
    """They look at what is drawn and not at how: a page without stills takes half the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.page.page.still", lambda figure: "")
        yield
