"""What a person mistypes is told before anything is opened or changed."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from core.errors import ConfigError
from jobs.cli import app


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["approve", "tea"], "neither a plan (12) nor a line of one (12/MUG-BLUE)"),
        (["approve", "12", "12/TEA"], "plan 12 stands there whole and in lines"),
        (["approve", "12", "--quantity", "48"], "--quantity is for a single line"),
        (["approve", "12/TEA", "12/CUP", "--quantity", "48"], "--quantity is for a single line"),
        (["answer", "PO-1", "TEA"], "'TEA' is no answer"),
        (["answer", "PO-1", "TEA=some"], "'TEA=some' is no answer"),
        (["answer", "PO-1", "TEA=-1"], "'TEA=-1' is no answer"),
        (["answer", "PO-1", "=48"], "'=48' is no answer"),
        (["answer", "PO-1", "TEA=48@31/12/2026"], "is no answer; MUG-BLUE=48"),
    ],
)
def test_what_is_mistyped_is_refused(words: list[str], why: str) -> None:
    result = CliRunner().invoke(app, ["replenish", *words])

    assert isinstance(result.exception, ConfigError)
    assert why in str(result.exception)
