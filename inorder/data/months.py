"""Months: their names in seven languages, in full and as they are usually cut, and stamps such as 01.2019, which look like numbers.

No name means two months, whichever of the languages it is taken from, so a column needs no language of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# January to December; the usual short forms behind the full one, without their dots
NAMES = {
    "English": "january/jan february/feb march/mar april/apr may june/jun july/jul august/aug september/sept/sep october/oct november/nov december/dec",
    "German": (
        "januar/jänner/jan/jän februar/feber/feb märz/maerz/marz/mär/mrz/maer april/apr mai juni/jun juli/jul august/aug september/sept/sep "
        "oktober/okt november/nov dezember/dez"
    ),
    "French": "janvier/janv/jan février/févr/fév mars/mar avril/avr mai juin juillet/juil août/aoû septembre/sept/sep octobre/oct novembre/nov décembre/déc",
    "Spanish": (
        "enero/ene febrero/feb marzo/mar abril/abr mayo/may junio/jun julio/jul agosto/ago septiembre/setiembre/sept/sep/set octubre/oct noviembre/nov "
        "diciembre/dic"
    ),
    "Italian": (
        "gennaio/genn/gen febbraio/febbr/feb marzo/mar aprile/apr maggio/magg/mag giugno/giu luglio/lugl/lug agosto/ago settembre/sett/set ottobre/ott "
        "novembre/nov dicembre/dic"
    ),
    "Portuguese": ("janeiro/jan fevereiro/fev março/mar abril/abr maio/mai junho/jun julho/jul agosto/ago setembro/set outubro/out novembro/nov dezembro/dez"),
    "Dutch": (
        "januari/jan februari/febr/feb maart/mrt/maa april/apr mei juni/jun juli/jul augustus/aug september/sept/sep oktober/okt november/nov december/dec"
    ),
}
ACCENTS = str.maketrans("äéûç", "aeuc")  # often left out


def _numbers(languages: dict[str, str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for months in languages.values():
        for number, names in enumerate(months.split(), start=1):
            for name in names.split("/"):
                numbers[name] = numbers[name.translate(ACCENTS)] = number
    return numbers


NUMBERS = _numbers(NAMES)  # "mär" -> 3
ENGLISH = "|".join(sorted(_numbers({"English": NAMES["English"]}), key=len, reverse=True))
MONTH_FIRST = r"^(0?[1-9]|1[0-2])\.(1[7-9]\d\d|20\d\d)$"
YEAR_FIRST = r"^(1[7-9]\d\d|20\d\d)\.(0[1-9]|1[0-2]|1)$"
ANY = "|".join(sorted(NUMBERS, key=len, reverse=True))


def month_numbers(names: pl.Series) -> pl.Series:
    """1 to 12 for each name of a month, null for what is none.

    >>> import polars as pl
    >>> month_numbers(pl.Series(["Mär", "janv.", "DEC", "maybe"])).to_list()
    [3, 1, 12, None]
    """
    import polars as pl

    plain = names.str.strip_chars().str.to_lowercase().str.strip_suffix(".")
    return plain.replace_strict(list(NUMBERS), list(NUMBERS.values()), default=None, return_dtype=pl.Int64)


def dotted_months(texts: pl.Series) -> pl.Series | None:
    """01.2019 or 2019.01 as "2019-01"; None where one of the texts is no month and year with a dot between.

    2019.1 is October where another text has a zero before the month: spreadsheets drop the last zero.

    >>> import polars as pl
    >>> dotted_months(pl.Series(["2019.09", "2019.1"])).to_list()
    ['2019-09', '2019-10']
    """
    import polars as pl

    if len(texts) == 0 or texts.null_count():
        return None
    for pattern, year, month in ((MONTH_FIRST, 2, 1), (YEAR_FIRST, 1, 2)):
        if not texts.head(10).str.contains(pattern).all() or not texts.str.contains(pattern).all():
            continue
        months = texts.str.extract(pattern, month)
        if year == 1 and (months == "1").any():
            if not months.str.starts_with("0").any():
                return None
            months = months.replace("1", "10")
        return pl.Series(texts.name, texts.str.extract(pattern, year) + "-" + months.str.zfill(2))
    return None


def month_by_month(months: pl.Series) -> bool:
    """Whether texts such as "2019-01" go up, or down, by one month at most steps, each counted once."""
    distinct = months.unique(maintain_order=True)
    steps = (distinct.str.slice(0, 4).cast(int) * 12 + distinct.str.slice(5, 2).cast(int)).diff().drop_nulls()
    return len(steps) > 1 and max(int((steps == 1).sum()), int((steps == -1).sum())) >= 0.8 * len(steps)
