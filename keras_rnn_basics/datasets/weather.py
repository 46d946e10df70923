"""Days of weather: Seattle 2012-2015, or the user's own data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from typing import Any

from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.series import Series, read_series
from keras_rnn_basics.datasets.tables.moments import DAY

SEATTLE = "NOAA daily observations, Seattle-Tacoma airport, 2012-2015 (public domain), as in vega-datasets 0.9"


def load(
    data: Any = None,
    time: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    missing: Sequence[Any] | None = (),
    categories: Sequence[str] | Mapping[str, Sequence[str]] = (),
    time_zone: str | None = None,
    date_format: str | None = None,
    only: Mapping[str, Any] | None = None,
    repair: bool | str | Sequence[str] = False,
    max_bytes: int = MAX_BYTES,
) -> Series:
    """Daily weather: one row per day, one column per measurement.

    Without data: Seattle, 1,461 days from 2012-01-01 to 2015-12-31 without a gap; precipitation in mm, the day's
    highest and lowest temperature in °C, wind in m/s.

    Args:
        data: the user's own data: the path of a file or a pandas.DataFrame.
        time, columns, missing, categories, time_zone, date_format, only, repair, max_bytes: as in `read_series`.

    Raises:
        FileNotFoundError, ValueError: as `read_series`. The error names the file, the line and the column.

    >>> days = load()
    >>> len(days), days.names
    (1461, ('precipitation_mm', 'temp_max_celsius', 'temp_min_celsius', 'wind_m_per_s'))
    """
    if data is not None:
        chosen = (time, columns, missing, categories, time_zone, date_format, only, repair, max_bytes)
        return read_series(data, DAY, *chosen)
    with as_file(files("keras_rnn_basics.datasets") / "data" / "seattle_weather.csv.gz") as shipped:
        return replace(read_series(shipped, DAY), source=SEATTLE)
