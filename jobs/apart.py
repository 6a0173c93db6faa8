"""APART: what one record breaks must not keep every other waiting.

A page, or a batch, that fails for one of its records fails again for ever. It is taken apart, and
what breaks alone becomes a Case while the others go on.
"""

from __future__ import annotations

import traceback
from pathlib import PurePath

from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

#: What a record itself can be the cause of; a lost connection, lease or disk it is not.
ITS_OWN = (
    ArithmeticError, AttributeError, LookupError, TypeError, ValueError,
    DataError, IntegrityError, ProgrammingError,
)  # fmt: skip


def words(error: BaseException) -> str:
    """What broke and where, without a word of the record (I8): "OverflowError in review.py:230"."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    return f"{type(error).__name__} in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}"
