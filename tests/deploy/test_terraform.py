"""The Terraform files: parsed by HashiCorp's own parser, laid out as `terraform fmt` does, true to code and providers.

No provider can be had here, so their schemas are written down below; `terraform validate` was not run.
"""

import re
import shutil
import subprocess

import pygohcl
import pytest

from app.cli.subscribe import _DESCRIPTION
from app.secret import SHORTEST_SECRET
from app.sources import default_sources
from app.vendors.subscriptions import EVENTS
from app.verify import SIGNERS
from tests.deploy.platforms import DEPLOY

FOLDER = DEPLOY / "terraform"
FILES = sorted(FOLDER.glob("*/*.tf"))
ROOTS = ("opsgenie", "pagerduty")
OFFERED = {
    "pagerduty_webhook_subscription": {
        "type": {},
        "active": {},
        "description": {},
        "events": {},
        "delivery_method": {"type", "url", "custom_header", "temporarily_disabled", "secret"},
        "filter": {"type", "id"},
    },
    "opsgenie_api_integration": {
        "name": {},
        "type": {},
        "enabled": {},
        "webhook_url": {},
        "headers": {"X-Webhook-Token"},
        "allow_write_access": {},
        "ignore_responders_from_payload": {},
        "suppress_notifications": {},
        "owner_team_id": {},
        "responders": {"type", "id"},
    },
    "pagerduty": {"service_region": {}, "token": {}},
    "opsgenie": {"api_url": {}, "api_key": {}},
}
"""What resources and providers take: the providers' documentation, PagerDuty of 2026-08, Opsgenie 0.6."""


def load(root):
    """Return everything in a root's files, by kind."""
    texts = [path.read_text("utf-8") for path in FILES if path.parent.name == root]
    return pygohcl.loads("\n".join(texts))


def resource(root):
    """Return the type of a root's one resource, and what it is given."""
    [(kind, named)] = load(root)["resource"].items()
    return kind, named["bridge"]


def laid_out(text):
    """Return a text as `terraform fmt` lays out such plain files: two blanks a level, equal signs in one column."""
    lines, depth = [], 0
    for raw in text.splitlines():
        line = raw.strip()
        bare = re.sub(r'"(?:[^"\\]|\\.)*"|#.*', "", line)
        shallow = depth - bool(re.match(r"[\]})]", bare))
        lines.append(("  " * shallow + re.sub(r"^(\S+)\s*=\s*", r"\1 = ", line)).rstrip())
        depth += len(re.findall(r"[\[{(]", bare)) - len(re.findall(r"[\]})]", bare))
    return "\n".join(aligned(lines)) + "\n"


def aligned(lines):
    """Bring the equal signs of neighbouring one-line arguments into one column."""
    run = []
    for line in [*lines, ""]:
        if re.match(r"\s*\S+ = [^#]*[^\[{(#]$", line):
            run.append(line.split(" = ", 1))
            continue
        width = max((len(name) for name, _ in run), default=0)
        yield from (f"{name:<{width}} = {value}" for name, value in run)
        run = []
        yield line


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_is_laid_out(path):
    """Indentation, columns, blanks at ends and the last newline are those of the formatter."""
    text = path.read_text("utf-8")
    assert text.rstrip("\n").splitlines() == laid_out(text).rstrip("\n").splitlines()
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("a = 1\nlong = 2\n", "a    = 1\nlong = 2\n"),
        ("a {\nb=[\n1,\n]\n}\n", "a {\n  b = [\n    1,\n  ]\n}\n"),
        ("type = 1\nevents = [\n]\n", "type = 1\nevents = [\n]\n"),
        ('a = "{"  \n', 'a = "{"\n'),
    ],
)
def test_the_layout_is_the_formatters(wrong, right):
    """These pairs are what HashiCorp's own formatter makes of them."""
    assert laid_out(wrong).strip() == right.strip()


def test_the_formatter_itself_agrees():
    """Where Terraform or OpenTofu is installed, its `fmt -check` passes."""
    binary = shutil.which("terraform") or shutil.which("tofu")
    if binary is None:
        pytest.skip("neither terraform nor tofu is installed; the layout was checked without them")
    told = subprocess.run(
        [binary, "fmt", "-check", "-recursive", "-diff", FOLDER], check=False, capture_output=True, text=True
    )
    assert (told.returncode, told.stdout) == (0, "")


@pytest.mark.parametrize("root", ROOTS)
def test_only_what_the_provider_offers_is_used(root):
    """Each argument of the provider and of the resource is in its documentation."""
    kind, given = resource(root)
    for name, value in given.items():
        assert name in OFFERED[kind]
        assert not isinstance(value, dict) or set(value) <= set(OFFERED[kind][name])
    assert set(load(root)["provider"][root]) <= set(OFFERED[root])


@pytest.mark.parametrize("root", ROOTS)
def test_variables_are_declared_and_used(root):
    """Each variable that is used is declared with a type and a description, and the other way round."""
    declared = load(root)["variable"]
    main = (FOLDER / root / "main.tf").read_text("utf-8")
    assert set(re.findall(r"\bvar\.([a-z_]+)", main)) == set(declared)
    assert all({"type", "description"} <= set(each) for each in declared.values())


def test_the_subscription_sends_what_the_bridge_expects():
    """The types of events are those of `dx-bridge subscribe`, sorted; scope, state and description, too."""
    _, given = resource("pagerduty")
    assert given["events"] == sorted(EVENTS)
    assert (given["filter"], given["active"]) == ({"type": "account_reference"}, True)
    assert load("pagerduty")["variable"]["description"]["default"] == _DESCRIPTION


def test_webhooks_lead_to_the_sources():
    """The addresses end in the route of the source, whose default name is the bridge's own."""
    name = load("pagerduty")["variable"]["source_name"]["default"]
    _, subscription = resource("pagerduty")
    assert subscription["delivery_method"]["url"].endswith("/webhooks/var.source_name")
    assert default_sources()[name].vendor == "pagerduty"
    assert resource("opsgenie")[1]["webhook_url"].endswith(f"/webhooks/{default_sources()['opsgenie'].name}")


def test_the_header_is_the_one_that_is_verified():
    """Opsgenie's integration carries the token where the bridge looks for it."""
    signed = SIGNERS["opsgenie"](b"{}", b"var.webhook_token")
    assert resource("opsgenie")[1]["headers"].items() <= signed.items()


def test_secrets_are_sensitive():
    """The token that goes in and the secret that comes out are marked; no other output names either."""
    assert load("opsgenie")["variable"]["webhook_token"]["sensitive"] is True
    for root in ROOTS:
        for name, output in load(root)["output"].items():
            secret = re.search(r"secret|token|key|headers", output["value"]) is not None
            assert output.get("sensitive", False) is secret, name


def test_the_secret_is_where_the_provider_puts_it():
    """The signing secret is the attribute of the delivery method (provider of 2026-08)."""
    value = load("pagerduty")["output"]["webhook_secret"]["value"]
    assert value == "pagerduty_webhook_subscription.bridge.delivery_method[0].secret"


def test_a_short_token_is_refused_before_the_bridge_refuses_it():
    """The least length of the variable is the bridge's."""
    condition = load("opsgenie")["variable"]["webhook_token"]["validation"]["condition"]
    assert condition == f"length(var.webhook_token) >= {SHORTEST_SECRET}"


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://bridge.example.com", True),
        ("https://bridge.example.com/behind/a-proxy", True),
        ("https://bridge.example.com/", False),
        ("http://bridge.example.com", False),
        ("bridge.example.com", False),
    ],
)
def test_the_bridges_address_is_checked(root, url, fits):
    """An address without TLS or with a slash at its end is refused."""
    condition = load(root)["variable"]["bridge_url"]["validation"]["condition"]
    pattern = re.fullmatch(r'can\(regex\("(.*)", var\.bridge_url\)\)', condition)[1]
    assert bool(re.search(pattern, url)) is fits


@pytest.mark.parametrize("root", ROOTS)
def test_the_readme_names_what_there_is(root):
    """Variables and outputs on the command lines of a README are declared."""
    readme, declared = (FOLDER / root / "README.md").read_text("utf-8"), load(root)
    named = set(re.findall(r"-var ([a-z_]+)=|TF_VAR_([a-z_]+)", readme))
    assert {one or other for one, other in named} <= set(declared["variable"])
    assert set(re.findall(r"terraform output -raw ([a-z_]+)", readme)) <= set(declared["output"])
    kind, _ = resource(root)
    assert set(re.findall(rf"{kind}\.([a-z_]+)", readme)) <= {"bridge"}
