import pytest
import requests

from app.vendors.client import Answer, Client
from app.vendors.pagerduty import PagerDuty
from app.vendors.subscriptions import EVENTS, NEEDED
from tests.cli.test_plan_and_apply import write
from tests.vendors.test_subscriptions import TOKEN, URL, subscription

BASE = "https://bridge.example.com"
SECRET = "pagerduty-secret-0123456789"


@pytest.fixture
def world(sandbox_url):
    """Return a function that gives PagerDuty these subscriptions and settings."""

    def put(*subscriptions, **settings):
        document = {"subscriptions": subscriptions, "settings": settings}
        requests.put(f"{sandbox_url}/sandbox/vendors/pagerduty", json=document, timeout=10).raise_for_status()

    return put


@pytest.fixture
def held(sandbox_url):
    """Return a function that tells the subscriptions that PagerDuty holds."""

    def get():
        headers = {"Authorization": f"Token token={TOKEN}"}
        url = f"{sandbox_url}/pagerduty/webhook_subscriptions"
        return requests.get(url, headers=headers, timeout=10).json()["webhook_subscriptions"]

    return get


@pytest.fixture
def asked(sandbox_url):
    """Return a function that tells which changes PagerDuty was asked for."""

    def get():
        log = requests.get(f"{sandbox_url}/sandbox/vendors/pagerduty", timeout=10).json()["requests"]["log"]
        return [f"{each['method']} {each['path']}" for each in log if each["method"] != "GET"]

    return get


@pytest.fixture
def subscribe(bridge, sandbox_url):
    """Return a function that runs the command with an API token."""

    def run(*arguments, source="pagerduty", url=BASE, **settings):
        api = {"PAGERDUTY_API_URL": f"{sandbox_url}/pagerduty", "PAGERDUTY_API_TOKEN": TOKEN}
        return bridge("subscribe", source, "--url", url, *arguments, **(api | settings))

    return run


def test_a_new_subscription_is_of_the_account_with_every_type(subscribe, held):
    """What is made leads to this source, with the account's scope and all types of events."""
    assert subscribe("--description", "Acme to DX").exit_code == 0
    [made] = held()
    assert made["delivery_method"]["url"] == URL
    assert (made["description"], made["events"]) == ("Acme to DX", list(EVENTS))
    assert made["filter"]["type"] == "account_reference"


def test_the_secret_is_the_only_line_on_standard_output(subscribe, held):
    """Standard output is a line for `.env`; the id is told beside it, and the secret nowhere else."""
    result = subscribe(LOG_LEVEL="DEBUG")
    name, _, secret = result.stdout.partition("=")
    assert name == "PAGERDUTY_WEBHOOK_SECRETS"
    assert (len(secret.strip()) > 16, result.stdout.count("\n")) == (True, 1)
    assert held()[0]["id"] in result.stderr
    assert secret.strip() not in result.stderr


@pytest.mark.parametrize("settings", [{}, {"PAGERDUTY_WEBHOOK_SECRETS": SECRET}])
def test_a_secret_that_is_there_is_to_be_kept(subscribe, settings):
    """Only where a secret is configured already, the new one is to be appended; the old one is not shown."""
    result = subscribe(**settings)
    assert ("append this after a comma" in result.stderr) == bool(settings)
    assert ("REJECT_WITH=503" in result.stderr) == bool(settings)
    assert SECRET not in result.output


def test_a_second_run_changes_nothing(subscribe, held, asked):
    """The subscription that is there is found, its secret is not told again, and a way to a new one is."""
    subscribe()
    before = held()
    result = subscribe()
    assert (result.exit_code, result.stdout, held()) == (0, "", before)
    assert asked() == ["POST /webhook_subscriptions"]
    assert "nothing to do" in result.stderr
    assert "delete it in PagerDuty" in result.stderr


@pytest.mark.parametrize("url", [URL, f"{BASE}/", f"{URL}/", "HTTPS://Bridge.Example.com"])
def test_the_address_may_be_written_in_several_ways(subscribe, held, url):
    """The webhook's whole address, a slash at the end and capitals lead to the same subscription."""
    subscribe()
    subscribe(url=url)
    assert [each["delivery_method"]["url"] for each in held()] == [URL]


def test_capitals_in_pagerduty_lead_to_the_same_host(subscribe, held, world):
    """A subscription that was made by hand with capitals in the host is found."""
    world(subscription(url="https://Bridge.Example.com/webhooks/pagerduty"))
    subscribe()
    assert len(held()) == 1


def test_missing_types_are_added(subscribe, held, world):
    """A subscription that lacks types gets them, keeps its other ones, and is told what it got."""
    world(subscription(events=["incident.annotated", *EVENTS[1:]]))
    result = subscribe()
    assert held()[0]["events"] == ["incident.annotated", *EVENTS[1:], "incident.triggered"]
    assert "now also sends incident.triggered." in result.stderr


def test_a_subscription_that_is_off_is_switched_on(subscribe, held, world):
    """An inactive subscription becomes active, and the way to what was lost is told."""
    world(subscription(active=False))
    result = subscribe()
    assert held()[0]["active"] is True
    assert "dx-bridge backfill pagerduty --since" in result.stderr


def test_a_disabled_subscription_is_enabled(subscribe, held, world, asked):
    """One that PagerDuty disabled for a day is enabled, and nothing else is changed."""
    world(subscription(disabled=True))
    result = subscribe()
    assert held()[0]["delivery_method"]["temporarily_disabled"] is False
    assert asked() == ["POST /webhook_subscriptions/PSUB001/enable"]
    assert "enabled" in result.stderr
    assert "dx-bridge backfill pagerduty --since" in result.stderr


@pytest.mark.parametrize(("arguments", "shown"), [((), "ours"), (("--description", "new"), "new")])
def test_a_description_is_changed_only_when_given(subscribe, held, world, arguments, shown):
    """The description that is there stays unless another one is asked for."""
    world(subscription(description="ours", events=list(NEEDED)))
    subscribe(*arguments)
    assert held()[0]["description"] == shown


def test_a_narrow_scope_is_kept_and_told(subscribe, held, world):
    """Somebody chose the scope: it stays, and what it loses is told."""
    world(subscription(scope="service"))
    result = subscribe()
    assert held()[0]["filter"]["type"] == "service_reference"
    assert "moved or merged" in result.stderr


def test_others_subscriptions_are_left_alone(subscribe, held, world):
    """A subscription to another bridge is not taken for this one's."""
    trial = "https://trial.example.com/webhooks/pagerduty"
    world(subscription(url=trial, active=False))
    subscribe()
    assert {each["delivery_method"]["url"]: each["active"] for each in held()} == {trial: False, URL: True}


def test_a_further_source_has_its_own_route_and_variable(subscribe, bridge, folder, held, sandbox_url):
    """A source of bridge.toml is subscribed under its name, and its own variable is printed."""
    write(
        folder,
        "[sources.eu]\nvendor = 'pagerduty'\nsecrets_env = 'EU_SECRETS'\napi_token_env = 'EU_TOKEN'\n"
        f"api_url = '{sandbox_url}/pagerduty'",
    )
    result = subscribe(source="eu", EU_TOKEN=TOKEN)
    assert result.stdout.startswith("EU_SECRETS=")
    assert held()[0]["delivery_method"]["url"] == f"{BASE}/webhooks/eu"


@pytest.mark.parametrize("source", ["opsgenie", "nobody"])
def test_a_source_of_another_vendor_is_bad_usage(subscribe, source, held):
    """Only PagerDuty's sources can be subscribed; the others are told apart with exit code 2."""
    result = subscribe(source=source)
    assert (result.exit_code, "is none of PagerDuty's: pagerduty" in result.stderr, held()) == (2, True, [])


@pytest.mark.parametrize(
    "url", ["http://bridge.example.com", "bridge.example.com", "https://u:p@example.com"]
)
def test_an_address_that_is_no_plain_https_is_bad_usage(subscribe, url, held):
    """PagerDuty is given https only, and no password in an address."""
    result = subscribe(url=url)
    assert (result.exit_code, "https://" in result.stderr, held()) == (2, True, [])


def test_without_a_token_the_variable_is_named(subscribe):
    """Without an API token nothing is tried, and its variable is told."""
    result = subscribe(PAGERDUTY_API_TOKEN="")
    assert (result.exit_code, "PAGERDUTY_API_TOKEN" in result.stderr) == (1, True)


def test_a_source_without_a_variable_for_its_token_is_told(subscribe, folder):
    """A further source whose bridge.toml names no variable is told the key that does."""
    write(folder, "[sources.eu]\nvendor = 'pagerduty'\nsecrets_env = 'EU_SECRETS'")
    result = subscribe(source="eu")
    assert (result.exit_code, "api_token_env in [sources.eu]" in result.stderr) == (1, True)


def test_an_unanswered_creation_is_told_as_unknown(subscribe, world):
    """Where the answer is lost nobody knows whether it was made, and what to do then is told."""
    world(fail=[{"path": "/webhook_subscriptions", "method": "POST", "cut": True}])
    result = subscribe()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not known whether the subscription was made: run this again" in result.stderr


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_token_that_may_not_write_is_told_the_scope(subscribe, world, method, held):
    """A refusal is no unknown outcome: the scope that the token lacks is told."""
    world(fail=[{"path": "/webhook_subscriptions", "method": method, "status": 403, "times": 1}])
    result = subscribe()
    assert (result.exit_code, "not known" in result.stderr, held()) == (1, False, [])
    assert "`webhook_subscriptions.write`" in result.stderr


def test_a_vendor_that_is_down_is_told_at_once(subscribe, world, sandbox_url):
    """One try is made: somebody is waiting for the answer."""
    world(fail=[{"path": "/webhook_subscriptions", "status": 503}])
    result = subscribe()
    assert (result.exit_code, "try again later" in result.stderr) == (1, True)
    told = requests.get(f"{sandbox_url}/sandbox/vendors/pagerduty", timeout=10).json()
    assert told["requests"]["total"] == 1


def test_an_unanswered_change_may_be_repeated(subscribe, world, held):
    """A change that fails is told, and the next run makes it."""
    fail = [{"path": "/webhook_subscriptions", "method": "PUT", "status": 500, "times": 1}]
    world(subscription(active=False), fail=fail)
    assert subscribe().exit_code == 1
    assert subscribe().exit_code == 0
    assert held()[0]["active"] is True


@pytest.fixture
def check(bridge, sandbox_url):
    """Return a function that tells the lines of `dx-bridge check` about sources."""

    def run(**settings):
        api = {"PAGERDUTY_API_URL": f"{sandbox_url}/pagerduty", "PAGERDUTY_API_TOKEN": TOKEN}
        secret = {"PAGERDUTY_WEBHOOK_SECRETS": "a-secret-of-the-tests"}
        result = bridge("check", **(api | secret | settings))
        told = [line for line in result.stdout.splitlines() if "source pagerduty: " in line]
        return [line for line in told if "webhooks are accepted" not in line]

    return run


def test_check_tells_a_lost_subscription(check, world):
    """`check` asks the vendor and prints what it says as a problem of its source."""
    world()
    [told] = check()
    assert told.startswith("problem: source pagerduty: no webhook subscription leads to ")


def test_check_is_content_after_subscribe(check, subscribe):
    """What `subscribe` made is what `check` wants."""
    subscribe()
    assert check() == ["source pagerduty: the vendor's API answers"]


@pytest.mark.parametrize(
    "failure", [{"status": 401}, {"status": 500}, {"status": 429, "headers": {"Retry-After": "60"}}]
)
def test_check_tells_at_once_that_the_vendor_refuses(check, world, failure, sandbox_url):
    """A refusal is a problem after one try: somebody is waiting for the answer."""
    world(fail=[{"path": "/", **failure}])
    [told] = check()
    assert f"({failure['status']}" in told
    requests_made = requests.get(f"{sandbox_url}/sandbox/vendors/pagerduty", timeout=10).json()["requests"]
    assert requests_made["total"] == 1


def test_check_asks_nobody_without_a_token(check, sandbox_url):
    """Without access to the vendor's API it is not asked, and that is no problem."""
    assert check(PAGERDUTY_API_TOKEN="") == []
    told = requests.get(f"{sandbox_url}/sandbox/vendors/pagerduty", timeout=10).json()
    assert told["requests"]["total"] == 0


@pytest.mark.parametrize(
    "body",
    [{"webhook_subscription": {"id": "PSUB001", "delivery_method": {}}}, {"webhook_subscription": None}],
)
def test_an_answer_without_a_secret_is_told(subscribe, monkeypatch, body):
    """A subscription whose secret did not come is of no use: it is to be deleted and made again."""
    monkeypatch.setattr(Client, "send", lambda *_: Answer(body, 0))
    result = subscribe()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "signing secret is lost: delete it in PagerDuty" in result.stderr


def test_check_survives_an_odd_answer(check, monkeypatch):
    """A reader that stumbles over an answer is a problem of its source, not the end of `check`."""
    monkeypatch.setattr(PagerDuty, "problems", lambda _: iter([{}["incident"]]))
    [told] = check()
    assert told.startswith("problem: source pagerduty: the vendor's API gives an answer that cannot be read")
