"""The one error that this package raises by itself, and its warnings."""

from __future__ import annotations


class EpochtreeError(RuntimeError):
    """Something that the user can mend.

    Attributes:
        code: a short word for programs, such as ``session-running``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"epochtree: {code}: {message}")
        self.code = code
        self.sentence = message

    def __reduce__(self) -> tuple[type[EpochtreeError], tuple[str, str]]:
        return EpochtreeError, (self.code, self.sentence)


class EpochtreeWarning(RuntimeWarning):
    """Something went wrong that need not stop the training."""


def warn(message: str) -> None:
    """Warns at the user's own line, and never raises, whatever the warning filters say."""
    import os
    import sys
    import warnings

    here = os.path.dirname(__file__)
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and os.path.dirname(frame.f_code.co_filename) == here:
        frame, level = frame.f_back, level + 1
    try:
        warnings.warn(f"epochtree: {message}", EpochtreeWarning, stacklevel=level)
    except EpochtreeWarning:
        # Warnings turned into errors must not end a training because a disk is full.
        print(f"epochtree: {message}", file=sys.stderr)
