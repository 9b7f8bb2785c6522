"""Small data sets that ship with the package, so that a first command needs no file.

All are in the public domain or under a licence that lets them be passed on: samples/LICENCES.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inorder.errors import unknown

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Sample:
    """A file of the folder `samples`, what it holds in one sentence, where it is from, and a horizon to try."""

    file: str
    sentence: str
    source: str
    licence: str
    horizon: int


SAMPLES = {
    "air-passengers": Sample(
        "air-passengers.csv",
        "Monthly airline passengers 1949–1960, in thousands: a trend and a season that grows with it.",
        "Box & Jenkins, by way of sktime",
        "BSD-3-Clause",
        12,
    ),
    "co2": Sample("co2.csv.gz", "Weekly CO2 at Mauna Loa 1958–2001, with 59 missing weeks.", "Keeling & Whorf, by way of statsmodels", "public domain", 52),
    "macrodata": Sample(
        "macrodata.csv.gz", "Twelve quarterly figures of the economy of the United States 1959–2009, side by side.", "statsmodels", "public domain", 8
    ),
    "nile": Sample("nile.csv", "Yearly flow of the Nile at Aswan 1871–1970, which fell in 1899.", "statsmodels", "public domain", 10),
    "pedestrians": Sample("pedestrians.csv.gz", "Daily pedestrians at one counter 2017–2021, with the shock of 2020.", "prophet", "MIT", 28),
    "peyton-manning": Sample(
        "peyton-manning.csv.gz", "Daily views of one encyclopaedia page 2007–2016, as logarithms, with days missing.", "prophet", "MIT", 90
    ),
    "seattle-weather": Sample(
        "seattle-weather.csv.gz", "Daily rain, temperatures and wind in Seattle 2012–2015.", "NOAA, by way of vega-datasets", "BSD-3-Clause", 14
    ),
    "sunspots": Sample("sunspots.csv", "Yearly sunspots 1700–2008: a cycle of about 11 years.", "statsmodels", "public domain", 11),
    "taylor": Sample(
        "taylor.csv.gz",
        "Half-hourly electricity demand in England and Wales, June to August 2000, without dates.",
        "Taylor 2003, by way of pmdarima",
        "MIT",
        48,
    ),
    "us-retail": Sample("us-retail.csv", "Monthly retail sales of the United States 1992–2016.", "prophet", "MIT", 12),
    "wineind": Sample("wineind.csv", "Monthly wine sales in Australia from 1980, without dates.", "pmdarima", "MIT", 12),
}


def sample_path(name: str) -> Path:
    """Where the file of a sample lies.   Raises ConfigError for an unknown name.

    >>> sample_path("nile").name
    'nile.csv'
    """
    if name not in SAMPLES:
        raise unknown("sample", name, SAMPLES)
    return FOLDER / SAMPLES[name].file
