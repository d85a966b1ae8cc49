import threading

import pytest
import requests

from app.sandbox import create_sandbox, running
from app.secret import Secret
from app.sources import Api, Source
from app.vendors.client import Answer
from app.vendors.readers import reader
from app.vendors.reading import VendorError
from app.vendors.subscriptions import EVENTS, NEEDED, problems
from mappers import pagerduty as mapper

TOKEN = "sandbox-vendor-token-0123"
URL = "https://bridge.example.com/webhooks/pagerduty"


def subscription(number=1, url=URL, scope="account", disabled=False, **changed):
    method = {"type": "http_delivery_method", "url": url, "temporarily_disabled": disabled}
    whole = {"id": f"PSUB{number:03}", "delivery_method": method, "events": list(EVENTS)}
    return whole | {"filter": {"id": None, "type": f"{scope}_reference"}} | changed


@pytest.fixture(scope="module")
def sandbox():
    with running(create_sandbox("sandbox-token-0123456789")) as url:
        yield url


@pytest.fixture
def ask(sandbox):
    """Return a function that gives PagerDuty these subscriptions and tells a source's problems, asking once."""
    at_once = threading.Event()
    at_once.set()

    def run(*subscriptions, source="pagerduty", token=TOKEN, **settings):
        world = {"subscriptions": subscriptions, "settings": settings}
        requests.put(f"{sandbox}/sandbox/vendors/pagerduty", json=world, timeout=10).raise_for_status()
        api = Api(f"{sandbox}/pagerduty", Secret(token), "PAGERDUTY_API_TOKEN")
        return [*reader(Source(source, "pagerduty", "SECRETS", api=api), stop=at_once).problems()]

    return run


def test_a_whole_subscription_is_no_problem(ask):
    """An active subscription of the account with every type leaves nothing to tell."""
    assert ask(subscription()) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://bridge.example.com/webhooks/pagerduty-eu",
        "https://bridge.example.com/webhooks/pagerduty/",
        "https://bridge.example.com/?to=/webhooks/pagerduty",
        "https://elsewhere.example.com/hooks",
    ],
)
def test_a_subscription_that_leads_elsewhere_does_not_count(ask, url):
    """Only a path that ends in this source's route leads here; without any the command is told."""
    [told] = ask(subscription(url=url, active=False))
    assert "no webhook subscription leads to …/webhooks/pagerduty" in told
    assert "`dx-bridge subscribe pagerduty --url " in told


def test_each_source_has_its_own_route(ask):
    """A further source looks for subscriptions that lead to its own name."""
    url = URL + "-eu"
    assert ask(subscription(url=url), subscription(2, active=False), source="pagerduty-eu") == []
    assert "…/webhooks/pagerduty-eu: run `dx-bridge subscribe pagerduty-eu" in ask(source="pagerduty-eu")[0]


def test_an_inactive_subscription_is_told(ask):
    """One that is switched off is named, with the command that switches it on."""
    [told] = ask(subscription(active=False))
    assert "PSUB001" in told
    assert "switched off" in told
    assert f"`dx-bridge subscribe pagerduty --url {URL}`" in told


def test_a_disabled_subscription_is_told(ask):
    """One that PagerDuty disabled for a day is named, with what was lost and how it is read."""
    [told] = ask(subscription(disabled=True))
    assert f"PSUB001 to {URL} is disabled" in told
    assert all(
        words in told for words in ("lost", "dx-bridge subscribe", "dx-bridge backfill pagerduty --since")
    )


def test_a_list_that_does_not_tell_is_looked_behind():
    """Where the list leaves out whether a subscription is disabled, the subscription itself is asked."""
    listed, alone = subscription(), subscription(disabled=True)
    del listed["delivery_method"]["temporarily_disabled"]

    class Double:
        def get(self, path, params=None):
            whole = {"webhook_subscriptions": [listed], "more": False}
            return Answer({"webhook_subscription": alone} if path.endswith("/PSUB001") else whole, 0)

    [told] = problems(Double(), "pagerduty")
    assert "disabled for a day" in told


@pytest.mark.parametrize("event", NEEDED)
def test_a_missing_type_is_named(ask, event):
    """Each type that is alone in telling something is missed, and no other is named."""
    [told] = ask(subscription(events=[each for each in EVENTS if each != event]))
    assert f"does not send {event}:" in told


def test_types_that_only_help_are_not_missed(ask):
    """The types whose content others show too may be left out."""
    assert ask(subscription(events=list(NEEDED))) == []


def test_every_type_that_the_mapper_tells_apart_is_needed():
    """What the mapper treats by its type is subscribed to, and so is the resolution."""
    assert mapper._OPENING | mapper._ABOUT.keys() | {"incident.resolved"} == set(NEEDED)


@pytest.mark.parametrize("scope", ["service", "team"])
def test_a_narrow_scope_is_told(ask, scope):
    """A subscription of one service or team loses what is moved or merged elsewhere."""
    [told] = ask(subscription(scope=scope))
    assert f"of one {scope} only" in told
    assert "moved or merged" in told


def test_a_whole_subscription_vouches_for_its_address(ask):
    """What a whole subscription to the same address sends, another one does not lose."""
    assert ask(subscription(1, active=False), subscription(2, scope="team"), subscription(3)) == []


def test_a_whole_subscription_does_not_vouch_for_another_address(ask):
    """A trial bridge in order does not hide that the real one gets nothing."""
    trial = subscription(1, "https://trial.example.com/webhooks/pagerduty")
    [told] = ask(trial, subscription(2, disabled=True))
    assert f"PSUB002 to {URL} " in told


def test_every_page_is_read(ask):
    """A subscription beyond the first hundred is found."""
    others = [subscription(number, "https://elsewhere.example.com/hooks") for number in range(1, 250)]
    assert ask(*others, subscription(250)) == []


def test_what_an_address_hides_is_not_told(ask):
    """User, password and query of an address stay out of the message."""
    url = "https://user:hunter2@bridge.example.com/webhooks/pagerduty?key=hunter3"
    [told] = ask(subscription(url=url, active=False))
    assert f" to {URL} " in told
    assert "hunter" not in told


def test_a_token_without_the_right_is_a_problem(ask):
    """A token that may not read subscriptions is told with the scope that it lacks."""
    [told] = ask(subscription(), fail=[{"path": "/webhook_subscriptions", "status": 403}])
    assert "PAGERDUTY_API_TOKEN" in told
    assert "`webhook_subscriptions.read`" in told


@pytest.mark.parametrize(("status", "words"), [(401, "PAGERDUTY_API_TOKEN"), (500, "try again later")])
def test_another_refusal_is_an_error(ask, status, words):
    """What is not about the right to read is left to the caller, without talk of scopes."""
    with pytest.raises(VendorError, match=words) as raised:
        ask(fail=[{"path": "/webhook_subscriptions", "status": status}])
    assert "scope" not in str(raised.value)


def test_an_odd_answer_is_an_error():
    """An answer of another shape is a VendorError, not a KeyError."""

    class Double:
        def get(self, path, params=None):
            return Answer({"webhook_subscriptions": [{"id": "PSUB001"}], "more": False}, 0)

    with pytest.raises(VendorError, match="cannot be read"):
        list(problems(Double(), "pagerduty"))
