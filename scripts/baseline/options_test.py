"""Lists, sizes and worker counts as the harness spells them."""

from __future__ import annotations

import os

import pytest

from baseline.options import Mistake, label, sizes, threads


def test_sizes_and_threads_are_spelt_as_the_harness_does() -> None:
    assert sizes("1Ki..1Mi:x4") == [4**k for k in range(5, 11)]
    assert sizes("4096,1Ki") == [1024, 4096]
    assert sizes("1Ki..6Ki") == [1024, 2048, 4096]
    assert threads("1..3,8") == [1, 2, 3, 8]
    assert max(threads("auto")) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["=cmd()", "-1", "a\u202eb", "a\u200bb", "\U0001f600" * 49, "a/b"])
def test_a_label_is_harmless_wherever_it_is_shown(text: str) -> None:
    with pytest.raises(Mistake):
        label(text)
    assert label("x-1+2=@") == "x-1+2=@"
