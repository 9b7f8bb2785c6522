"""Every real file is read correctly: facts written down from the files' descriptions, and every value compared with pandas' own reading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from inorder.data.series import read_series


@dataclass(frozen=True)
class Fact:
    """What a file holds. values: the columns to compare with pandas."""

    unit: str | None
    step: float
    season: int
    series: int
    length: int
    first: str
    last: str
    missing: int
    values: str


FACTS = {
    "series/air_passengers.csv": Fact("month", 1, 12, 1, 144, "1949-01", "1960-12", 0, "passengers"),
    "series/austres.csv": Fact("step", 1, 1, 1, 89, "1", "89", 0, "y"),
    "series/co2.csv": Fact("week", 1, 52, 1, 2284, "1958-03-29", "2001-12-29", 59, "co2"),
    "series/danish_money_demand.csv": Fact("quarter", 1, 4, 5, 55, "1974Q1", "1987Q3", 0, "lrm lry lpy ibo ide"),
    "series/elec_equip.csv": Fact("month", 1, 12, 1, 257, "1995-01", "2016-05", 0, "STS.M.I7.W.TOVT.NS0016.4.000"),
    "series/elnino.csv": Fact("month", 1, 12, 1, 732, "1950-01", "2010-12", 0, ""),
    "series/german_interest_inflation.csv": Fact("quarter", 1, 4, 2, 107, "1972Q2", "1998Q4", 0, "Dp R"),
    "series/heartrate.csv": Fact("step", 1, 1, 1, 150, "1", "150", 0, "y"),
    "series/lynx.csv": Fact("year", 1, 1, 1, 114, "1821", "1934", 0, "trappings"),
    "series/macrodata.csv": Fact(
        "quarter", 1, 4, 12, 203, "1959Q1", "2009Q3", 0, "realgdp realcons realinv realgovt realdpi cpi m1 tbilrate unemp pop infl realint"
    ),
    "series/nile.csv": Fact("year", 1, 1, 1, 100, "1871", "1970", 0, "volume"),
    "series/pedestrians_covid.csv": Fact("day", 1, 7, 1, 1490, "2017-06-02", "2021-06-30", 0, "y"),
    "series/seatbelts_ksi.csv": Fact("month", 1, 12, 1, 192, "1969-01", "1984-12", 0, "ksi"),
    "series/seattle_weather.csv": Fact("day", 1, 7, 4, 1461, "2012-01-01", "2015-12-31", 0, "precipitation temp_max temp_min wind"),
    "series/shampoo_sales.csv": Fact("month", 1, 12, 1, 36, "1991-01", "1993-12", 0, "sales"),
    "series/sunspots.csv": Fact("year", 1, 1, 1, 309, "1700", "2008", 0, "SUNACTIVITY"),
    "series/taylor.csv": Fact("step", 1, 48, 1, 4032, "1", "4032", 0, "y"),
    "series/us_change.csv": Fact("quarter", 1, 4, 5, 187, "1970Q1", "2016Q3", 0, "consumption income production savings unemployment"),
    "series/us_retail_sales.csv": Fact("month", 1, 12, 1, 293, "1992-01", "2016-05", 0, "y"),
    "series/wikipedia_peyton_manning_log.csv": Fact("day", 1, 7, 1, 2964, "2007-12-10", "2016-01-20", 59, "y"),
    "series/wineind.csv": Fact("step", 1, 12, 1, 176, "1", "176", 0, "y"),
    "series/woolyrnq.csv": Fact("step", 1, 4, 1, 119, "1", "119", 0, "y"),
    "series/yosemite_temps_5min.csv.gz": Fact("minute", 5, 288, 1, 18721, "2017-05-01 00:00", "2017-07-05 00:00", 12, "y"),
    "covariates/bike_sharing_hourly.csv.gz": Fact("hour", 1, 24, 5, 17544, "2011-01-01 00:00", "2012-12-31 23:00", 0, "temp atemp hum windspeed users"),
    "covariates/etth1.csv.gz": Fact("hour", 1, 24, 7, 17420, "2016-07-01 00:00", "2018-06-26 19:00", 0, "HUFL HULL MUFL MULL LUFL LULL OT"),
    "covariates/exchange_rate.txt.gz": Fact("step", 1, 1, 8, 7588, "1", "7588", 0, " ".join(f"column_{i}" for i in range(1, 9))),
    "covariates/vic_electricity_30min.csv.gz": Fact("minute", 30, 48, 2, 52608, "2011-12-31 13:00", "2014-12-31 12:30", 0, "Demand Temperature"),
    "missing/air_passengers_gaps.csv": Fact("step", 1, 12, 1, 144, "1", "144", 13, "y"),
    "missing/air_quality_valencia.csv.gz": Fact(
        "hour", 1, 24, 10, 43824, "2019-01-01 00:00", "2023-12-31 23:00", 13262, "so2 co no no2 pm10 nox o3 veloc. direc. pm2.5"
    ),
    "missing/waste_water_nh4.csv": Fact("step", 1, 144, 1, 4552, "1", "4552", 883, "y"),
    "irregular/agn.csv": Fact(None, 0, 1, 1, 237, "4087.83418999985", "5766.50592999998", 0, "m"),
    "irregular/clcep.csv": Fact(None, 0, 1, 1, 109, "7866.59658", "9015.95703", 0, "m"),
    "irregular/cvnovag.csv": Fact(None, 0, 1, 1, 67, "58290.2326851999", "58795.1093402999", 0, "m"),
    "irregular/cvnovar.csv": Fact(None, 0, 1, 1, 65, "58278.2936805999", "58795.0772917001", 0, "m"),
    "irregular/dmcep.csv": Fact(None, 0, 1, 1, 191, "2450622.87794", "2451238.51984", 0, "m"),
    "irregular/dscut.csv": Fact(None, 0, 1, 1, 116, "7973.64983", "9061.54113", 0, "m"),
    "irregular/eb.csv": Fact(None, 0, 1, 1, 470, "2450455.67981", "2451691.5034", 0, "m"),
    "irregular/planets.csv": Fact(None, 0, 1, 1, 91, "-2.76109096873552", "2.99584212235641", 0, "r"),
}


def test_no_file_is_left_out(shared_data: Path) -> None:
    there = {f"{folder}/{file.name}" for folder in ("series", "covariates", "missing", "irregular") for file in (shared_data / folder).iterdir()}
    assert {name for name in there if not name.endswith("LICENSE.txt")} == set(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_the_facts(name: str, shared_data: Path) -> None:
    fact, y = FACTS[name], read_series(shared_data / name)
    assert len(y) == fact.series
    assert y.panel == (fact.series > 1)
    assert set(y.lengths.tolist()) == {fact.length}
    assert (None if y.frequency is None else y.frequency.unit) == fact.unit
    assert y.frequency is None or y.frequency.step == fact.step
    assert y.season_length == fact.season
    assert (y.label(y.stamps()[0]), y.label(y.stamps()[-1])) == (fact.first, fact.last)
    assert int(np.isnan(y.values).sum()) == fact.missing
    line = y.describe()
    assert "\n" not in line and f"{fact.length:,}" in line and fact.first in line and fact.last in line
    assert (f"{fact.missing:,} missing" in line) == (fact.missing > 0)
    assert (f"season {fact.season}" in line) == (fact.season > 1)


def by_pandas(path: Path, name: str) -> pd.DataFrame:
    """The file as pandas reads it, on its complete grid."""
    if name == "covariates/exchange_rate.txt.gz":
        return pd.read_csv(path, float_precision="round_trip", header=None, names=[f"column_{i}" for i in range(1, 9)])
    frame = pd.read_csv(path, float_precision="round_trip")
    if name == "series/wikipedia_peyton_manning_log.csv":
        days = pd.date_range("2007-12-10", "2016-01-20", freq="D")
        frame = frame.assign(ds=pd.to_datetime(frame["ds"])).set_index("ds").reindex(days).reset_index()
    return frame


@pytest.mark.parametrize("name", [name for name in FACTS if FACTS[name].values])
def test_every_value_is_the_one_that_pandas_reads(name: str, shared_data: Path) -> None:
    y, frame = read_series(shared_data / name), by_pandas(shared_data / name, name)
    for i, column in enumerate(FACTS[name].values.split()):
        np.testing.assert_array_equal(y.y(i), frame[column].to_numpy(), err_msg=column)
        assert y.ids[i] == column


def test_a_table_of_years_and_months_is_one_series_read_row_by_row(shared_data: Path) -> None:
    y = read_series(shared_data / "series/elnino.csv")
    frame = pd.read_csv(shared_data / "series/elnino.csv", float_precision="round_trip")
    np.testing.assert_array_equal(y.values, frame.drop(columns="YEAR").to_numpy().reshape(-1))
    np.testing.assert_array_equal(y.index.astype("datetime64[M]"), np.arange("1950-01", "2011-01", dtype="datetime64[M]"))


@pytest.mark.parametrize(
    "name, column",
    [("series/yosemite_temps_5min.csv.gz", "ds"), ("covariates/vic_electricity_30min.csv.gz", "Time"), ("covariates/etth1.csv.gz", "date")],
)
def test_every_stamp_is_the_one_that_pandas_reads(name: str, column: str, shared_data: Path) -> None:
    y, stamps = read_series(shared_data / name), pd.to_datetime(pd.read_csv(shared_data / name)[column], utc=True)
    np.testing.assert_array_equal(y.stamps(), stamps.dt.tz_localize(None).to_numpy().astype("datetime64[us]"))


@pytest.mark.parametrize(
    "name, series, shortest, longest, season",
    [("m4_hourly", 414, 748, 1008, 24), ("m4_weekly", 359, 93, 2610, 1), ("m1", 1001, 15, 150, 1), ("m3_odd", 1502, 20, 144, 1)],
)
def test_the_competition_panels(name: str, series: int, shortest: int, longest: int, season: int, shared_data: Path) -> None:
    path = shared_data / "forecasting" / f"{name}.parquet"
    y, frame = read_series(path), pd.read_parquet(path)
    assert (len(y), int(y.lengths.min()), int(y.lengths.max()), y.season_length) == (series, shortest, longest, season)
    assert y.names.id == "unique_id" and y.names.time == "ds" and y.names.value == "y"
    assert any("split (text)" in note for note in y.notes)
    assert y.ids == tuple(frame["unique_id"].unique())
    for i in (0, series // 2, series - 1):
        np.testing.assert_array_equal(y.y(i), frame.loc[frame["unique_id"] == y.ids[i], "y"].to_numpy())


def test_the_conventional_value_column_wins_over_its_companions(shared_data: Path) -> None:
    y = read_series(shared_data / "missing/waste_water_nh4.csv")
    assert y.names.value == "y" and any("y_complete" in note and "--value" in note for note in y.notes)
    y = read_series(shared_data / "irregular/agn.csv")
    assert y.names.value == "m" and any("merr" in note for note in y.notes)


def test_covariates_by_name(shared_data: Path) -> None:
    y = read_series(shared_data / "covariates/bike_sharing_hourly.csv.gz", value="users", future=["temp", "holiday"], past="hum")
    frame = pd.read_csv(shared_data / "covariates/bike_sharing_hourly.csv.gz", float_precision="round_trip")
    assert not y.panel and y.names.value == "users"
    np.testing.assert_array_equal(y.values, frame["users"])
    np.testing.assert_array_equal(y.future["temp"], frame["temp"])
    np.testing.assert_array_equal(y.past["hum"], frame["hum"])
    assert any("weather (text)" in note for note in y.notes)


def test_a_holiday_written_as_true_and_false(shared_data: Path) -> None:
    y = read_series(shared_data / "covariates/vic_electricity_30min.csv.gz", value="Demand", future="Holiday", timezone="Australia/Melbourne")
    frame = pd.read_csv(shared_data / "covariates/vic_electricity_30min.csv.gz", float_precision="round_trip")
    np.testing.assert_array_equal(y.future["Holiday"], frame["Holiday"].astype(float))
    local = pd.to_datetime(frame["Time"], utc=True).dt.tz_convert("Australia/Melbourne")
    assert y.to_frame()["Time"].dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_list()[:3] == [
        t.replace(tzinfo=None) for t in local.dt.tz_convert("UTC")[:3]
    ]
    assert y.label(y.index[0]) == "2012-01-01 00:00"
