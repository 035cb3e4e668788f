"""How numbers, money, days and instants are written, and in which words: in the shop's locale and time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent

from contracts.errors import ParameterError
from serving.desk.clock import read_instant
from serving.pages.languages import Catalogue, catalogue

LOCALE_VARIABLE, MLFLOW_VARIABLE = "REGULARS_DESK_LOCALE", "REGULARS_MLFLOW_URL"
NOTHING = "–"
MINUS = "−"
WHOLE_FROM = 100


# a page writes the same days and amounts again and again, and Babel takes longer over them than the page over the rest
@lru_cache(maxsize=1 << 15)
def _money(amount: float, currency: str, locale: str, is_whole: bool) -> str:
    if not is_whole:
        return format_currency(amount, currency, locale=locale).replace("-", MINUS)
    pattern = Locale.parse(locale).currency_formats["standard"].pattern.replace(".00", "")
    whole = format_currency(amount, currency, pattern, locale=locale, currency_digits=False)
    return str(whole).replace("-", MINUS)


@lru_cache(maxsize=1 << 15)
def _number(value: float, decimals: int, locale: str) -> str:
    return format_decimal(value, _form(decimals), locale=locale).replace("-", MINUS)


@lru_cache(maxsize=1 << 15)
def _share(value: float, decimals: int, locale: str) -> str:
    return format_percent(value, f"{_form(decimals)}%", locale=locale)


@lru_cache(maxsize=1 << 15)
def _day(text: str, form: str, locale: str) -> str:
    return format_date(date.fromisoformat(text), form, locale=locale)


def _form(decimals: int) -> str:
    return "#,##0" + ("." + "0" * decimals if decimals else "")


@dataclass(frozen=True)
class Shop:
    """What pages need to know of the shop: `locale` as en_GB, its time zone, and where MLflow's pages are, if told."""

    locale: str = "en"
    time_zone: str = "UTC"
    mlflow_url: str = ""

    def __post_init__(self) -> None:
        try:
            Locale.parse(self.locale)
        except (ValueError, UnknownLocaleError):
            raise ParameterError(f"{LOCALE_VARIABLE}: expected a locale as en_GB, got '{self.locale[:20]}'") from None
        if self.mlflow_url and not self.mlflow_url.startswith(("http://", "https://")):
            raise ParameterError(f"{MLFLOW_VARIABLE}: expected an address that begins with http, got another text")

    @property
    def words(self) -> Catalogue:
        """The texts of the locale's language."""
        return catalogue(self.locale)

    @property
    def language(self) -> str:
        """The language of the page's own texts, for its `lang`."""
        return self.words.language

    def money(self, amount: float | None, currency: str, *, is_whole: bool | None = None) -> str:
        """An amount: whole units from 100 on, where cents tell nothing, unless `is_whole` says otherwise.

        >>> Shop().money(1234.5, "USD"), Shop().money(-3.4, "EUR"), Shop().money(None, "USD")
        ('$1,234', '−€3.40', '–')
        """
        if amount is None:
            return NOTHING
        whole = abs(amount) >= WHOLE_FROM if is_whole is None else is_whole
        return _money(round(amount, 0 if whole else 2), currency, self.locale, whole)

    def ends(self, low: float | None, high: float | None, currency: str) -> dict[str, str]:
        """Both ends of an interval of amounts, written alike.

        >>> Shop().ends(79.49, 173.1, "USD"), Shop().ends(3.02, 33.18, "USD")
        ({'low': '$79', 'high': '$173'}, {'low': '$3.02', 'high': '$33.18'})
        """
        is_whole = max(abs(low or 0), abs(high or 0)) >= WHOLE_FROM
        return {
            "low": self.money(low, currency, is_whole=is_whole),
            "high": self.money(high, currency, is_whole=is_whole),
        }

    def since(self, said: str) -> str:
        """What happened since, with its day as the locale has it.

        >>> Shop().since("bought on 2018-01-01"), Shop().since("suppressed")
        ('bought on Jan 1, 2018', 'suppressed')
        >>> Shop("zh_CN").since("bought on 2018-01-01")
        '已购买（2018年1月1日）'
        """
        what, _, day = said.partition(" on ")
        told = self.words.name_of("since", what)
        return self.words.text("since.on", what=told, day=self.day(day)) if day else told

    def number(self, value: float | None, decimals: int = 0) -> str:
        """A number; a dash where there is none.

        >>> Shop().number(12345), Shop(locale="de").number(-1.25, 2)
        ('12,345', '−1,25')
        """
        if value is None:
            return NOTHING
        return _number(round(value, decimals), decimals, self.locale)

    def short(self, value: float) -> str:
        """A number as an axis shows it.

        >>> Shop().short(1234567)
        '1.2M'
        """
        return format_compact_decimal(value, locale=self.locale, fraction_digits=1)

    def share(self, value: float | None, decimals: int = 0) -> str:
        """A share as per cent.

        >>> Shop().share(0.2497)
        '25%'
        """
        if value is None:
            return NOTHING
        return _share(round(value, decimals + 2), decimals, self.locale)

    def day(self, text: str | None, form: str = "medium") -> str:
        """An ISO day.

        >>> Shop(locale="en_GB").day("2018-01-02"), Shop().day("")
        ('2 Jan 2018', '–')
        """
        return _day(text[:10], form, self.locale) if text else NOTHING

    def instant(self, text: str | None) -> str:
        """A written instant, on the shop's clock.

        >>> Shop(locale="en_GB", time_zone="Europe/Paris").instant("2018-01-02T10:30:00.000000Z")
        '2 Jan 2018, 11:30'
        """
        if not text:
            return NOTHING
        local = read_instant(text).astimezone(ZoneInfo(self.time_zone))
        return format_datetime(local, "medium", tzinfo=local.tzinfo, locale=self.locale).replace(
            local.strftime(":%M:%S"), local.strftime(":%M")
        )
