"""Which of a test's many cases run in `make test`; the others are marked `long`, for `make test-all`."""

import pytest


def cases(every, everyday):
    """Every case, a tuple of arguments or one argument, as pytest takes it; those not in `everyday` marked `long`."""
    every, everyday = list(every), list(everyday)
    unknown = [case for case in everyday if case not in every]
    if unknown:
        raise ValueError(f"{unknown} are no cases of {every}.")
    marks = {True: (), False: pytest.mark.long}
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=marks[case in everyday]) for case in every
    ]
