"""Every label of the shipped file: somebody who gets it, with the sentence worked out by hand, and a near miss."""

from dataclasses import dataclass

import pytest

from contracts.portrait_rules import LabelRule
from portraits.labels import label_customers
from tests.portrait_shop import (
    Row,
    Shop,
    ago,
    buy,
    facts,
    interactions,
    labelled,
    portraits,
    responses,
    rules,
)

WEEKS = [7 * k for k in range(1, 7)]  # six Mondays
WEEKDAYS = [3, 4, 5, 6, 7, 10, 11, 12, 13]  # Friday to Monday before, and so on
WEEKEND = [1, 2, 8]
YES, NO = "yes", "no"


@dataclass(frozen=True)
class Case:
    """A shop in which customer 'yes' gets the label and is told `says`, and customer 'no' does not get it."""

    shop: Shop
    says: str


def both(yes: list[Row], no: list[Row], says: str, others: list[Row] | None = None, **tables: object) -> Case:
    return Case(Shop([*yes, *no, *(others or [])], **tables), says)


def days(yes: list[int], no: list[int], says: str) -> Case:
    return both(buy(YES, ago(*yes)), buy(NO, ago(*no)), says)


def hours(hour: str, other: str, says: str) -> Case:
    """Three of six visits at an hour, against two of six."""
    yes = buy(YES, ago(*WEEKDAYS[:3]), hour=hour) + buy(YES, ago(*WEEKDAYS[3:6]), hour=other)
    no = buy(NO, ago(*WEEKDAYS[:2]), hour=hour) + buy(NO, ago(*WEEKDAYS[2:6]), hour=other)
    return both(yes, no, says)


def columns(name: str, value: object, other: object, n_yes: tuple[int, int], n_no: tuple[int, int], says: str) -> Case:
    """So many visits with one value of a column, so many with another."""

    def visits(who: str, n: tuple[int, int]) -> list[Row]:
        first, then = ago(*range(1, n[0] + 1)), ago(*range(n[0] + 1, sum(n) + 1))
        return [*buy(who, first, **{name: value}), *buy(who, then, **{name: other})]

    return both(visits(YES, n_yes), visits(NO, n_no), says)


def baskets(n_yes: list[int], n_no: list[int], says: str) -> Case:
    """Lines of each of five visits; three others take two lines a visit, so that the middle customer takes two."""

    def visits(who: str, n_lines: list[int]) -> list[Row]:
        return [row for day, n in zip(ago(*WEEKS[:5]), n_lines, strict=True) for row in buy(who, [day] * n)]

    others = [row for who in "abc" for row in visits(who, [2] * 5)]
    return both(visits(YES, n_yes), visits(NO, n_no), says, others)


def prices(yes: float, no: float, says: str) -> Case:
    """Twenty lines at a price where fifty others are bought at 10."""
    many = [row for day in ago(*WEEKS[:5]) for row in buy("a", [day] * 10, discount=0.0)]
    mine, theirs = (
        [row for day in ago(*WEEKS[:5]) for row in buy(who, [day] * 4, amount=3 * price, quantity=3.0, discount=0.0)]
        for who, price in ((YES, yes), (NO, no))
    )
    return both(mine, theirs, says, many)


def variety(n_before_yes: int, n_before_no: int, says: str) -> Case:
    """Ten products in the half-year, of which some were bought before it."""

    def goods(who: str, n_before: int) -> list[Row]:
        before = [row for k in range(n_before) for row in buy(who, ago(200), f"p{k}")]
        return before + [row for k in range(10) for row in buy(who, ago(7), f"p{k}")]

    return both(goods(YES, n_before_yes), goods(NO, n_before_no), says)


def events(yes: list[str], no: list[str], says: str) -> Case:
    rows = [
        (who, kind, f"2017-12-{4 + k:02d} 10:00")
        for who, kinds in ((YES, yes), (NO, no))
        for k, kind in enumerate(kinds)
    ]
    return both(buy(YES, ago(7)), buy(NO, ago(7)), says, interactions=interactions(*rows))


def spend(of: str, yes: float, no: float, says: str) -> Case:
    """Five days in the quarter at some price, five in the one before at 10."""

    def both_quarters(who: str, amount: float) -> list[Row]:
        return buy(who, ago(5, 15, 25, 35, 45), amount=amount) + buy(who, ago(100, 110, 120, 130, 140))

    return both(
        both_quarters(YES, yes), both_quarters(NO, no), f"You spent {of} EUR in the 91 days to 31 December 2017, {says}"
    )


BEFORE = [100, 110, 120, 130, 140]
CASES = {
    "new here": days([5], [5, 12, 19], "Your first visit was on 27 December 2017; shopping days with us so far: 1."),
    "comes now and then": days([5, 12, 19], [5, 12], "You have shopped with us on 3 days since 13 December 2017"),
    "with us again and again": days(
        [7 * k for k in range(1, 11)], [7 * k for k in range(1, 10)], "on 10 days since 23 October 2017."
    ),
    "away longer than usual": days(
        [22, 29, 36, 43], [21, 28, 35, 42], "on 10 December 2017, 22 days before 1 January 2018; your usual break"
    ),
    "not seen for long": days([91, 98], [90, 97], "on 2 October 2017, 91 days before 1 January 2018."),
    "steady rhythm": days(
        WEEKS[:5], [1, 2, 3, 4, 100], "usually lie 7 days apart, fairly evenly, over 5 shopping days so far."
    ),
    "here just now": days([2, 9], [3, 10], "Your last visit was on 30 December 2017, in the last two days"),
    "comes every week": days(WEEKS[:5], [8, 16, 24, 32, 40], "Half of your visits come 7 days or less after"),
    "comes about once a month": days([5, 35, 65], [5, 51, 97], "Your visits usually lie 30 days apart."),
    "comes more often": days(
        [*range(5, 80, 10), *BEFORE],
        [*range(5, 70, 10), *BEFORE],
        "on 8 of the 91 days to 31 December 2017, on 5 of the 91",
    ),
    "comes less often": days(
        [5, 15, 25, *BEFORE], [5, 15, 25, 35, *BEFORE], "on 3 of the 91 days to 31 December 2017, on 5 of the 91"
    ),
    "spends more lately": spend("75.00", 15.0, 14.9, "50.00 EUR in the 91 before."),
    "spends less lately": spend("30.00", 6.0, 6.1, "50.00 EUR in the 91 before."),
    "weekend shopper": days(
        [*WEEKEND, *WEEKDAYS[:3]], [*WEEKEND, *WEEKDAYS[:4]], "50% of your 6 visits since 3 July 2017 fell on"
    ),
    "weekday shopper": days([1, *WEEKDAYS[:6]], [1, *WEEKDAYS[:5]], "Only 14% of your 7 visits since 3 July 2017"),
    "morning shopper": hours("05:00", "12:00", "50% of your 6 visits since 3 July 2017 began between 5 and 12 in the"),
    "afternoon shopper": hours("12:00", "17:00", "50% of your 6 visits since 3 July 2017 began between 12 and 5 in"),
    "evening shopper": hours("17:00", "21:00", "50% of your 6 visits since 3 July 2017 began between 5 and 9 in the"),
    "late shopper": hours("04:59", "05:00", "50% of your 6 visits since 3 July 2017 began between 9 in the evening"),
    "one favourite store": columns("store_id", "s1", "s2", (3, 3), (6, 0), "same shop on 50% of your 6 visits since"),
    "keeps to one way of buying": columns(
        "channel", "counter", "web", (9, 1), (7, 1), "in the same way on 90% of your 10 visits since 3 July 2017."
    ),
    "buys in several ways": columns(
        "channel", "counter", "web", (6, 2), (7, 2), "in 2 different ways since 3 July 2017, on 75% of your visits"
    ),
    "small, frequent baskets": baskets(
        [1] * 5,
        [1, 1, 1, 1, 2],
        "You took 1 different items a visit since 3 July 2017; half of our customers take more than 2"
    ),
    "large baskets": baskets(
        [4] * 5,
        [4, 4, 4, 4, 3],
        "You took 4 different items a visit since 3 July 2017; half of our customers take fewer than 2."
    ),
    "has a favourite": both(
        buy(YES, ago(*WEEKS[:3])) + buy(YES, ago(*WEEKS[3:]), "f"),
        buy(NO, ago(*WEEKS[:2])) + buy(NO, ago(*WEEKS[2:]), "f"),
        "You bought milk and cheese on 3 of your 6 shopping days since 3 July 2017.",
    ),
    "tries new things": variety(1, 2, "Of the 10 different products that you took since 3 July 2017, 90% were"),
    "keeps to the same goods": variety(5, 4, "Of the 10 different products that you took since 3 July 2017, only 50%"),
    "buys much here": both(
        buy(YES, ago(7), amount=50.0), buy(NO, ago(7), amount=49.0),
        "You spent 50.00 EUR with us since 3 July 2017; half of our customers spent less than 10.00 EUR.",
        [row for who in "abc" for row in buy(who, ago(7))],
    ),
    "large receipts": both(
        buy(YES, ago(*WEEKS), amount=40.0), buy(NO, ago(*WEEKS), amount=39.0),
        "You spent 40.00 EUR a visit since 3 July 2017; half of our customers spend less than 20.00 EUR.",
        [row for who in "abc" for row in buy(who, ago(*WEEKS), amount=20.0)],
    ),
    "buys the dearer kinds": prices(12.0, 11.9, "one of the 20 items that you took since 3 July 2017 costs 120% of"),
    "buys the cheaper kinds": prices(8.5, 8.6, "one of the 20 items that you took since 3 July 2017 costs 85% of"),
    "more to discover": both(  # the three others spend 50 on bread on average; 'no' misses a third of 50 in milk
        buy(YES, ago(*WEEKS[:5])), buy(NO, ago(*WEEKS[:5]), "b"),
        "since 3 July 2017, it was 50.00 EUR more; you spent 50.00 EUR in all.",
        [row for who in "ab" for row in buy(who, ago(*WEEKS[:5]), "b")],
    ),
    "buys without offers": both(
        buy(YES, ago(*WEEKS)), buy(NO, ago(*WEEKS), discount=1.2),
        "Since 3 July 2017, reductions took 6.00 EUR off a list price of 66.00 EUR: 9%.",
    ),
    "enjoys offers": both(
        buy(YES, ago(*WEEKS), discount=2.5), buy(NO, ago(*WEEKS), discount=2.4),
        "Since 3 July 2017, reductions took 15.00 EUR off a list price of 75.00 EUR: 20%.",
    ),
    "buys on offer only": columns(
        "discount", 1.0, 0.0, (9, 1), (8, 1), "90% of the items that you took since 3 July 2017 were reduced."
    ),
    "uses coupons": columns("coupon_discount", 0.5, 0.0, (3, 1), (2, 2), "used coupons on 3 days since 3 July 2017."),
    "takes up what we send": both(
        buy(YES, ago(7)), buy(NO, ago(7)), "You used coupons or offers of ours 2 times since 3 July 2017.",
        responses=responses(
            *[(who, c, "redeemed", "2017-12-04") for who, c in ((YES, "c1"), (YES, "c2"), (NO, "c1"))],
            (NO, "c2", "opened", "2017-12-04"),
        ),
    ),
    "likes our own brand": columns(
        "product_id", "m", "b", (3, 3), (3, 4), "50% of the items that you bought since 3 July 2017 were"
    ),
    "a lover of one kind of goods": both(
        buy(YES, ago(1, 2, 3)) + buy(YES, ago(4, 5, 6), "f"),
        buy(NO, ago(1, 2, 3), amount=9.9) + buy(NO, ago(4, 5, 6), "f"),
        "50% of what you spent since 3 July 2017 went to milk and cheese: 30.00 EUR.",
    ),
    "on expenses": columns("payer", "employer", "self", (3, 1), (2, 3), "an employer paid for 3 of your 4 items."),
    "pays privately": columns("payer", "self", "gift", (3, 1), (2, 3), "you paid for 3 of your 4 items yourself."),
    "buys as gifts": columns("payer", "gift", "self", (3, 1), (2, 3), "So far, 3 of your 4 items were gifts."),
    "comes for service": events(
        ["care_visit", "service_request"], ["care_visit", "view"],
        "Times that you turned to us for service since 3 July 2017: 2; we met in no other way.",
    ),
    "comes when invited": events(
        ["view", "review"], ["view", "review", "review"],
        "Times since 3 July 2017 that you took up what we sent or showed: 1; that you took part unasked: 1.",
    ),
    "takes part unasked": events(
        ["view", "review", "search"], ["view", "review"],
        "Times since 3 July 2017 that you took part unasked: 2; that you took up what we sent or showed: 1.",
    ),
    "waiting for our answer": events(
        ["complaint_closed", "complaint"],
        ["complaint", "complaint_closed"],
        "You wrote to us about a problem on 5 December 2017"
    ),
    "brings others": events(["referral"], ["review"], "Customers who came to us through you so far: 1."),
    "writes reviews": events(["review", "review"], ["referral"], "Reviews that you have written for us so far: 2."),
}  # fmt: skip


def test_every_shipped_label_is_tried() -> None:
    assert [rule.name for rule in rules().labels] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_label_is_given_with_its_numbers_and_not_to_a_near_miss(name: str) -> None:
    table = labelled(CASES[name].shop, name)
    assert table.loc[YES, "labels"] == name
    assert CASES[name].says in table.loc[YES, "evidence"]
    assert table.loc[NO].tolist() == ["", ""]


@pytest.mark.parametrize(
    ("absent", "names"),
    [
        ("hour", ["evening shopper"]),
        ("discount", ["buys without offers"]),
        ("store_id", ["one favourite store"]),
        ("channel", ["keeps to one way of buying"]),
        ("product_id", ["tries new things"]),
        ("category", ["has a favourite", "a lover of one kind of goods", "more to discover"]),
        ("quantity", ["buys the dearer kinds"]),
        ("coupon_discount", ["uses coupons"]),
        ("is_private_label", ["likes our own brand"]),
        ("interactions:complaint", ["waiting for our answer"]),
        ("interactions:review", ["writes reviews"]),
        ("interactions:referral", ["brings others"]),
        ("responses:redeemed", ["takes up what we send"]),
    ],
)
def test_no_label_rests_on_what_the_shop_does_not_record(absent: str, names: list[str]) -> None:
    for name in names:
        shop = CASES[name].shop
        silent = Shop(
            shop.rows, shop.contacts, shop.responses, shop.interactions, shop.customers, absent=frozenset({absent})
        )
        assert labelled(silent, name).loc[YES].tolist() == ["", ""]


def test_a_fact_that_only_the_sentence_names_must_be_known_too() -> None:
    # One day of buying has no usual gap, and so no words for it: no sentence, no label.
    found = facts(Shop(buy(YES, ago(5))))
    assert found.loc[YES, "usual_gap_words"] == ""
    rule = LabelRule(
        name="named in words",
        about="buying",
        when={"n_purchase_days": "at least 1"},
        says="Your visits lie {usual_gap_words} apart.",
    )
    assert label_customers(found, [rule]).loc[YES].tolist() == ["", ""]


def test_what_nobody_gave_words_for_is_no_favourite_to_speak_of() -> None:
    bread = labelled(Shop(buy(YES, ago(*WEEKS), "b")), "has a favourite", "a lover of one kind of goods")
    assert bread.loc[YES].tolist() == ["", ""]


def test_labels_stand_in_the_order_of_the_file_with_a_sentence_each() -> None:
    row = portraits(Shop(buy("1", ago(*WEEKS)))).loc["1"]
    assert row["labels"].split("; ") == [
        "steady rhythm", "comes every week", "weekday shopper", "evening shopper", "has a favourite", "buys much here",
        "buys without offers", "buys on offer only", "likes our own brand", "a lover of one kind of goods",
    ]  # fmt: skip
    assert row["evidence"].startswith(
        "Your visits usually lie 7 days apart, fairly evenly, over 6 shopping days so far."
    )
    assert row["evidence"].endswith("100% of what you spent since 3 July 2017 went to milk and cheese: 60.00 EUR.")
