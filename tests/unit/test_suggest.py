import pytest

from app.catalog import Entity
from app.suggest import Match, suggest

PAYMENTS = Entity("payments", "Payment Processing", ("PACME01", "PACME02"))
SEARCH = Entity("search-svc", "Search", ("PACME03",))
LEDGER = Entity("Ledger_Service", None, ())
CATALOG = (PAYMENTS, SEARCH, LEDGER)


def sure(*identifiers: str) -> Match:
    return Match(identifiers, certain=True)


def test_an_alias_is_certain_whatever_the_name() -> None:
    """The vendor's id among an entity's aliases decides, before a name that fits another."""
    assert suggest("PACME02", "Search", CATALOG) == sure("payments")
    assert suggest("PACME03", None, CATALOG) == sure("search-svc")


def test_an_alias_of_several_is_all_of_them() -> None:
    """A service that several entities claim belongs to each of them, in the catalog's order."""
    twin = Entity("refunds", None, ("PACME01",))
    assert suggest("PACME01", None, (PAYMENTS, twin)) == sure("payments", "refunds")


def test_aliases_are_compared_exactly() -> None:
    """An id in another case or a part of one is not an alias."""
    assert suggest("pacme01", None, CATALOG) == suggest("PACME0", None, CATALOG) == Match()


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("Payments", "payments"),
        ("SEARCH svc", "search-svc"),
        ("payment  processing", "payments"),
        ("Search", "search-svc"),
        ("Ledger_Service", "Ledger_Service"),
    ],
)
def test_a_name_that_fits_is_certain(name: str, identifier: str) -> None:
    """A name equal to an identifier, or whose slug is an identifier or that of a name, is certain."""
    assert suggest("PUNKNOWN", name, CATALOG) == sure(identifier)


def test_an_identifier_goes_before_a_name() -> None:
    """Who has the identifier is meant, not who has the name."""
    named = Entity("pay-2", "Payments", ())
    assert suggest(None, "Payments", (named, PAYMENTS)) == sure("payments")


def test_the_name_as_it_is_goes_before_its_slug() -> None:
    """Of two identifiers with one slug, the one that is written like the name is meant."""
    entities = (Entity("api-service", None, ()), Entity("API Service", None, ()))
    assert suggest(None, "API Service", entities) == sure("API Service")


def test_a_name_of_several_is_not_certain() -> None:
    """A name that several entities have leaves the choice, before all that is merely similar."""
    entities = (Entity("b", "Checkout", ()), Entity("checkouts", None, ()), Entity("a", "checkout", ()))
    assert suggest(None, "Checkout", entities) == Match(("a", "b", "checkouts"))


def test_similar_names_are_candidates_best_first() -> None:
    """A name or identifier that is similar is a candidate; what is not similar is none."""
    entities = (
        Entity("payment-api", None, ()),
        Entity("x1", "Payments APIs", ()),
        Entity("search", None, ()),
    )
    assert suggest(None, "Payments API", entities) == Match(("x1", "payment-api"))


def test_a_slug_alike_but_another_identifier_is_not_certain() -> None:
    """An identifier that only resembles the slug is a candidate: DX's identifiers are exact."""
    assert suggest(None, "ledger service", CATALOG).identifiers[0] == "Ledger_Service"
    assert not suggest(None, "ledger service", CATALOG).certain


def test_there_are_three_candidates_at_most() -> None:
    """Of many that are similar the best three remain, equals by identifier."""
    entities = [Entity(f"payment-{letter}", None, ()) for letter in "edcba"]
    assert suggest(None, "Payment", entities) == Match(("payment-a", "payment-b", "payment-c"))


@pytest.mark.parametrize(("service_id", "name"), [(None, None), ("", ""), (None, "  "), ("PACME99", None)])
def test_nothing_to_go_by_suggests_nothing(service_id: str | None, name: str | None) -> None:
    """Without a name and a known id there is no match, not even with an entity that has nothing either."""
    assert suggest(service_id, name, (*CATALOG, Entity("-", "-", ("",)))) == Match()


def test_names_without_a_letter_of_ascii_are_compared_themselves() -> None:
    """Two names of which no slug is left are equal only if they are the same."""
    entities = (Entity("pay", "決済", ()), Entity("find", "検索", ()))
    assert suggest(None, "検索", entities) == sure("find")
    assert suggest(None, "認証", entities) == Match()


def test_an_empty_catalog_suggests_nothing() -> None:
    """Without entities there is no match."""
    assert suggest("PACME01", "Payments", ()) == Match()
