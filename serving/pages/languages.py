"""The language of the pages: the catalogue of a locale, English where there is none of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from babel import Locale

from serving.pages import names, names_zh, words, words_zh


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The texts of one language, and what it calls the names of the data; `language` as a page's `lang` has it."""

    language: str
    texts: Mapping[str, str]
    names: Mapping[str, Mapping[str, str]]

    def text(self, key: str, **values: Any) -> str:
        """A text with its values filled in; the templates escape the whole.

        >>> ENGLISH.text("site.of", n=3, all=10), CHINESE.text("site.of", n=3, all=10)
        ('3 of 10', '3 / 10')
        >>> ENGLISH.text("problem.418")
        'That did not work'
        """
        if key not in self.texts and key.startswith("problem."):
            key = "problem.other"
        return self.texts[key].format(**values) if values else self.texts[key]

    def name_of(self, kind: str, name: str | None) -> str:
        """What a name of the data is called.

        >>> ENGLISH.name_of("verdict", "too early"), ENGLISH.name_of("offer", "free_delivery")
        ('too early to say', 'free delivery')
        """
        known = self.names.get(kind, {})
        return known.get(name or "", (name or "").replace("_", " "))


ENGLISH = Catalogue("en", words.TEXTS, names.NAMES)
CHINESE = Catalogue("zh-Hans", words_zh.TEXTS, names_zh.NAMES)
"""Simplified Chinese."""


@cache
def catalogue(locale: str) -> Catalogue:
    """The catalogue of a locale.

    Traditional characters are another script, and get English.

    >>> [catalogue(name).language for name in ("zh_CN", "zh", "zh_SG", "zh_TW", "zh_Hant_HK", "de_DE", "en_GB")]
    ['zh-Hans', 'zh-Hans', 'zh-Hans', 'en', 'en', 'en', 'en']
    """
    asked = Locale.parse(locale)
    if asked.language != "zh":
        return ENGLISH
    is_traditional = asked.script == "Hant" or (not asked.script and asked.territory in ("TW", "HK", "MO"))
    return ENGLISH if is_traditional else CHINESE
