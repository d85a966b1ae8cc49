"""`dx-bridge services`: what was seen, what it is in DX, and a table to paste."""

import json
import tomllib

import pytest
import requests

from app.config import read_file
from tests.cli.conftest import TOKEN
from tests.cli.test_plan_and_apply import NAUGHTY, invisible, on_terminal, pagerduty, receive, write

WEB_TOKEN = {"DX_WEB_API_TOKEN": TOKEN}
NAMES = [
    "API Service",
    'with "quotes"',
    "it's",
    "back\\slash",
    "dots.and = signs # here",
    "[services.map]",
    "tab\tline\r\nfeed",
    "\x01\x1b[31mred\x7f\x85\x9b2J",
    "\u202eevil\u2028\ufeff\u00a0end",
    "結 🔥 \U000e0041",
    "true",
]


def of(number, service_id=None, name=None):
    """Return an event of an incident with a PagerDuty service."""
    return pagerduty(number, service={"id": service_id, "summary": name})


def named(number, name):
    """Return an event of an alert whose service has a name alone."""
    alert = {"alertId": f"a{number}", "createdAt": 1_767_323_045_000, "details": {"service": name}}
    return {"action": "Create", "alert": alert}


def table(output):
    """Return the table at the end of an output, as TOML reads it."""
    return tomllib.loads(pasted(output))["services"]["map"]


def pasted(output):
    """Return the part of an output that is to be pasted."""
    return output[output.index("# for bridge.toml:") :]


def uncommented(output):
    """Return the lines of the table that are only suggested, as TOML reads each of them."""
    lines = output.splitlines()
    return [tomllib.loads(line[2:]) for line in lines if line.startswith('# "')]


def seen(bridge, **settings):
    """Return the services as --json tells them."""
    result = bridge("services", "--json", **settings)
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def put_catalog(url, *listed):
    """Fill the sandbox's catalog."""
    requests.put(f"{url}/sandbox/catalog", json=list(listed), timeout=10).raise_for_status()


def catalog_calls(url):
    """Count the calls to the sandbox's catalog."""
    calls = requests.get(f"{url}/sandbox/calls", timeout=10).json()["calls"]
    return [call["method"] for call in calls].count("catalog.entities.list")


def test_no_service_is_said(bridge, folder):
    """Without any service a sentence says so, and there is no table; --json prints nothing."""
    receive(pagerduty(1))
    assert bridge("services").stdout == "No incident has named a service yet.\n"
    assert bridge("services", "--json").stdout == ""


def test_services_are_counted_the_commonest_first(bridge, folder):
    """Each service is a line: on how many incidents, id, name, what it is in DX."""
    receive(of(1, "P1", "Edge"), *(of(number, "P2", "API Service") for number in range(2, 42)))
    assert bridge("services").stdout.splitlines() == [
        '    40  P2 "API Service" -> api-service  (not mapped)',
        '     1  P1 "Edge" -> edge  (not mapped)',
        "",
        "# for bridge.toml:",
        "[services.map]",
        '"P2" = "api-service"  # API Service',
        '"P1" = "edge"  # Edge',
    ]


def test_an_incident_counts_once_for_its_service(bridge, folder):
    """Several events of one incident are one incident; its latest service is the one it has."""
    receive(of(1, "P1", "Edge"), pagerduty(1, "acknowledged", "2026-03-01T10:05:00Z"))
    receive(pagerduty(1, "resolved", "2026-03-01T10:10:00Z", service={"id": "P2", "summary": "Core"}))
    assert [(row["id"], row["incidents"]) for row in seen(bridge)] == [("P2", 1)]


def test_mapped_ones_are_told_and_not_in_the_table(bridge, folder):
    """A service mapped by id or by name shows all of its identifiers, and needs no line."""
    write(folder, '[services.map]\nP1 = ["one", "two"]\n"Core" = "core-service"')
    receive(of(1, "P1", "Edge"), of(2, "P2", "Core"), of(3, "P3", "Other"))
    told = bridge("services").stdout
    assert '     1  P1 "Edge" -> one, two\n' in told
    assert '     1  P2 "Core" -> core-service\n' in told
    assert table(told) == {"P3": "other"}


def test_nothing_left_to_map_is_said(bridge, folder):
    """When each service is mapped there is no table."""
    write(folder, '[services.map]\nP1 = "edge"')
    receive(of(1, "P1", "Edge"))
    assert bridge("services").stdout == '     1  P1 "Edge" -> edge\nEach of them is mapped.\n'


def test_json_tells_each_service(bridge, folder):
    """With --json each line is an object; what is not known of a service is null."""
    write(folder, '[services.map]\nP1 = ["one", "two"]')
    receive(of(1, "P1"))
    receive(named(1, "Edge"), source="opsgenie")
    assert sorted(seen(bridge), key=lambda row: row["id"] or "") == [
        {"id": None, "name": "Edge", "incidents": 1, "mapped": False, "identifiers": ["edge"]},
        {"id": "P1", "name": None, "incidents": 1, "mapped": True, "identifiers": ["one", "two"]},
    ]


@pytest.mark.parametrize(
    ("unmapped", "shown", "proposed"),
    [("slug", "api-service", "api-service"), ("id", "P1", "P1"), ("omit", "nothing", "api-service")],
)
def test_unmapped_ones_are_what_the_policy_makes_of_them(bridge, folder, unmapped, shown, proposed):
    """`unmapped` decides what a service is in DX; where it is nothing, the table proposes the slug."""
    write(folder, f'[services]\nunmapped = "{unmapped}"')
    receive(of(1, "P1", "API Service"))
    told = bridge("services").stdout
    assert told.startswith(f'     1  P1 "API Service" -> {shown}  (not mapped)\n')
    assert table(told) == {"P1": proposed}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("service_id", [None, "P1"])
def test_the_table_reads_back_to_the_same_keys(bridge, folder, name, service_id):
    """Whatever a service is called, pasted as it is the table is TOML and maps just that service."""
    if service_id:
        receive(of(1, service_id, name))
    else:
        receive(named(1, name), source="opsgenie")
    told = bridge("services").stdout
    assert list(table(told)) == [service_id or name]
    write(folder, pasted(told))
    assert [row["mapped"] for row in seen(bridge)] == [True]


def test_all_names_at_once_are_one_table(bridge, folder):
    """Many odd names make one table with a key for each, that the bridge takes without a complaint."""
    receive(*(named(number, name) for number, name in enumerate(NAMES)), source="opsgenie")
    told = bridge("services").stdout
    assert set(table(told)) == set(NAMES)
    write(folder, pasted(told))
    assert read_file(folder / "bridge.toml")[1] == []
    assert all(row["mapped"] for row in seen(bridge))


def test_a_renamed_service_has_one_line_in_the_table(bridge, folder):
    """A service seen with two names is listed twice and mapped once, by its id: TOML has each key once."""
    receive(of(1, "P1", "Edge"), of(2, "P1", "Edge"), of(3, "P1", "New Edge"))
    told = bridge("services").stdout
    assert told.count("(not mapped)") == 2
    assert table(told) == {"P1": "edge"}


def test_names_do_not_steer_a_terminal(bridge, folder):
    """A service's name with escape sequences is shown as escapes, in the list and in the table."""
    receive(of(1, "P1", NAUGHTY))
    receive(named(1, NAUGHTY + "!"), source="opsgenie")
    shown = on_terminal(folder, "services")
    assert invisible(shown) == []
    assert table(shown).keys() == {"P1", NAUGHTY + "!"}


# --from-dx


def test_the_catalog_knows_by_alias_by_name_and_by_guess(bridge, folder, sandbox_url):
    """What DX's catalog names for certain is a line; what is only similar is a comment, the likeliest first."""
    put_catalog(
        sandbox_url,
        {"identifier": "payments", "aliases": {"pagerduty_service": [{"identifier": "P1"}]}},
        {"identifier": "edge-gw", "name": "Edge"},
        {"identifier": "checkout-api"},
        {"identifier": "checkout-app"},
        {"identifier": "a-domain", "name": "Lonely", "type": "domain"},
    )
    receive(of(1, "P1", "Money"), of(2, "P2", "Edge"), of(3, "P3", "Checkout APIs"), of(4, "P4", "Lonely"))
    result = bridge("services", "--from-dx", DX_WEB_API_URL=sandbox_url, **WEB_TOKEN)
    assert result.exit_code == 0
    assert table(result.stdout) == {"P1": "payments", "P2": "edge-gw"}
    assert result.stdout.splitlines()[-3:] == [
        '# "P3" = "checkout-api"  # perhaps: Checkout APIs',
        '# "P3" = "checkout-app"  # perhaps: Checkout APIs',
        '# "P4" = ""  # nothing like it in DX\'s catalog: Lonely',
    ]


def test_a_suggestion_is_toml_once_it_is_chosen(bridge, folder, sandbox_url):
    """A suggested line without its comment sign is TOML, for services without an id, too."""
    put_catalog(sandbox_url, {"identifier": "checkout-api"})
    receive(named(1, "Checkout APIs"), named(2, "Other"), source="opsgenie")
    told = bridge("services", "--from-dx", DX_WEB_API_URL=sandbox_url, **WEB_TOKEN).stdout
    assert table(told) == {}
    assert uncommented(told) == [{"Checkout APIs": "checkout-api"}, {"Other": ""}]


def test_one_service_of_the_vendor_may_be_several_of_dx(bridge, folder, sandbox_url):
    """A service that several entities have for an alias is all of them."""
    aliases = {"pagerduty_service": [{"identifier": "P1"}]}
    put_catalog(sandbox_url, *({"identifier": name, "aliases": aliases} for name in ("api", "edge")))
    receive(of(1, "P1", "Gateway"))
    told = bridge("services", "--from-dx", DX_WEB_API_URL=sandbox_url, **WEB_TOKEN).stdout
    assert table(told) == {"P1": ["api", "edge"]}


def test_a_catalog_of_many_pages_is_read_to_its_end(bridge, folder, sandbox_url):
    """An alias in the last of three pages is found."""
    aliases = {"opsgenie_service": [{"identifier": "P1"}]}
    many = [{"identifier": f"s{number}"} for number in range(250)]
    put_catalog(sandbox_url, *many, {"identifier": "last", "aliases": aliases})
    receive(of(1, "P1", "Gateway"))
    told = bridge("services", "--from-dx", DX_WEB_API_URL=sandbox_url, **WEB_TOKEN).stdout
    assert (table(told), catalog_calls(sandbox_url)) == ({"P1": "last"}, 3)


def test_without_anything_to_map_dx_is_not_asked(bridge, folder, sandbox_url):
    """When each service is mapped the catalog is left alone."""
    write(folder, '[services.map]\nP1 = "edge"')
    receive(of(1, "P1", "Edge"))
    result = bridge("services", "--from-dx", DX_WEB_API_URL=sandbox_url, **WEB_TOKEN)
    assert (result.exit_code, catalog_calls(sandbox_url)) == (0, 0)


def test_a_missing_token_is_told(bridge, folder, sandbox_url):
    """Without DX_WEB_API_TOKEN the command ends with exit code 1, the variable and the scope it needs."""
    receive(of(1, "P1", "Edge"))
    result = bridge("services", "--from-dx", DX_WEB_API_URL=sandbox_url, DX_API_TOKEN=TOKEN)
    assert (result.exit_code, catalog_calls(sandbox_url)) == (1, 0)
    assert "DX_WEB_API_TOKEN" in result.stderr
    assert "catalog:read" in result.stderr
    assert "[services.map]" not in result.stdout


def test_a_refused_token_is_told_and_not_shown(bridge, folder, sandbox_url):
    """A token that DX refuses is exit code 1, with its remedy and without the token."""
    receive(of(1, "P1", "Edge"))
    wrong = "another-token-0123456789"
    result = bridge("services", "--from-dx", DX_WEB_API_URL=sandbox_url, DX_WEB_API_TOKEN=wrong)
    assert (result.exit_code, "DX refuses the token (invalid_auth" in result.stderr) == (1, True)
    assert "[services.map]" not in result.stdout
    assert wrong not in result.output


def test_another_server_is_told(bridge, folder, sandbox_url):
    """An address that is not DX's Web API is exit code 1, with a question about the address."""
    requests.put(f"{sandbox_url}/sandbox/faults", json=[{"non_json": True}], timeout=10)
    receive(of(1, "P1", "Edge"))
    result = bridge("services", "--from-dx", DX_WEB_API_URL=sandbox_url, **WEB_TOKEN)
    assert (result.exit_code, "does it lead to DX's Web API?" in result.stderr) == (1, True)


def test_suggestions_are_no_json(bridge, folder):
    """--json and --from-dx together are bad usage, not one of them left out in silence."""
    receive(of(1, "P1", "Edge"))
    assert bridge("services", "--json", "--from-dx", **WEB_TOKEN).exit_code == 2
