"""The vendors' guides against the code: events, settings, commands, routes, the dashboard's words, output; every link."""

import json
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import click
import pytest
import requests
from click.testing import CliRunner
from markdown_it import MarkdownIt

from app.cli import main
from app.config import read_config
from app.sandbox import create_sandbox, running
from app.sources import default_sources
from app.vendors.subscriptions import EVENTS
from mappers import opsgenie
from tests.deploy.platforms import DEPLOY, ROOT, serves, settings

FOLDER = DEPLOY / "vendors"
GUIDED = ("dx", "jira", "jsm", "opsgenie", "pagerduty")
READMES = sorted((DEPLOY / "terraform").glob("*/README.md"))
PAGES = [FOLDER / "README.md", *(FOLDER / f"{name}.md" for name in GUIDED), *READMES]
MARKDOWN = [
    *ROOT.glob("*.md"),
    *(path for name in ("deploy", "docs", "mappers", "tests") for path in (ROOT / name).rglob("*.md")),
]
DX_TOKEN, VENDOR_TOKEN = "sandbox-token-0123456789", "sandbox-vendor-token-0123"
PROVIDERS = {"PAGERDUTY_TOKEN", "TF_VAR_webhook_token"}
"""Variables of Terraform's providers."""
LEAST = {
    "pagerduty": {"PAGERDUTY_WEBHOOK_SECRETS", "PAGERDUTY_API_TOKEN", "PAGERDUTY_API_URL", "REJECT_WITH"},
    "opsgenie": {"OPSGENIE_WEBHOOK_TOKENS", "OPSGENIE_API_KEY", "OPSGENIE_API_URL", "OPSGENIE_APP_URL"},
    "jsm": {"JSM_WEBHOOK_TOKENS", "JSM_EMAIL", "JSM_API_TOKEN", "JSM_CLOUD_ID", "JSM_SITE_URL"},
    "jira": {"JIRA_WEBHOOK_SECRETS", "JSM_SITE_URL"},
    "dx": {"DX_BASE_URL", "DX_API_TOKEN", "DX_WEB_API_TOKEN"},
}
"""What each guide has to name."""

by_path = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DEPLOY)))
by_guide = pytest.mark.parametrize("name", GUIDED)


def read(name):
    """Return a guide's text."""
    return (FOLDER / f"{name}.md").read_text("utf-8")


def live(name):
    """Return a guide's section on seeing it live, in one line."""
    return re.sub(
        r"\s+",
        " ",
        re.search(r"^## \d\. See it live\n(.*?)(?=^#|\Z)", read(name), re.MULTILINE | re.DOTALL)[1],
    )


def variables(text):
    """Return the words of a text that are written like a setting."""
    return set(re.findall(r"\b[A-Z][A-Z0-9]+(?:_[A-Za-z0-9]+)+\b", text))


@by_path
def test_a_setting_is_read_by_the_code(path):
    """Whatever looks like a setting is one, or is Terraform's."""
    assert variables(path.read_text("utf-8")) - settings() <= PROVIDERS


@by_guide
def test_a_guide_names_its_settings(name):
    """What a vendor needs is in its guide."""
    assert LEAST[name] <= variables(read(name))


@by_guide
def test_a_guide_is_short_and_ends_live(name):
    """Under eighty lines, with `check` and the dashboard in the section on seeing it live."""
    assert len(read(name).splitlines()) < 80
    assert "`dx-bridge check`" in live(name)
    assert "Dashboard, *" in live(name)


def command_lines():
    """Return every command line of the bridge in backticks or on a line of its own, with its page."""
    for path in PAGES:
        text = re.sub(r"\n +(?=`dx-bridge)", " ", path.read_text("utf-8"))
        for line in re.findall(r"`dx-bridge ([^`]+)`|^ {4,}dx-bridge ([^`\n]+)$", text, re.MULTILINE):
            yield path.name, "".join(line)


def test_command_lines_are_found():
    """The pattern above finds them, with arguments and options."""
    found = [line for _, line in command_lines()]
    assert {"check", "subscribe pagerduty --url https://bridge.example.com", "services --from-dx"} <= {*found}


@pytest.mark.parametrize(("page", "line"), sorted(set(command_lines())))
def test_a_command_line_is_understood(page, line):
    """The command itself takes its words, as it would on a terminal; nothing is run."""
    name, *words = shlex.split(re.sub(r"<[^>]*>", "2026-01-01", line))
    command = main.get_command(click.Context(main), name)
    assert command is not None, page
    command.make_context(name, [str(ROOT / word) if word.startswith("tests/") else word for word in words])


@by_path
def test_a_route_is_served(path, routes):
    """Paths of the bridge are its routes, and webhooks go to sources that there are."""
    text = path.read_text("utf-8")
    assert all(serves(routes, each) for each in re.findall(r"`(?:GET )?(/(?:healthz|api)[a-z/0-9]*)`", text))
    assert set(re.findall(r"/webhooks/([a-z]+)", text)) <= set(default_sources())


def test_the_events_to_tick_are_those_of_the_code():
    """PagerDuty's guide lists what `dx-bridge subscribe` asks for, each once."""
    assert sorted(re.findall(r"`(incident\.[a-z_.]+)`", read("pagerduty"))) == sorted(EVENTS)


def test_the_actions_are_those_that_the_mapper_knows():
    """Opsgenie's guide lists the actions that tell something, by the mapper."""
    listed = re.search(r"choose \*\*all\*\*\.(.*?)Without", read("opsgenie"), re.DOTALL)[1]
    ends = {"Create", "Acknowledge", "UnAcknowledge", "Close", "Delete"}
    assert set(re.findall(r"`(\w+)`", listed)) == ends | set(opsgenie._ABOUT)


def shown():
    """Return the dashboard's texts: what stands between tags or quotes in templates, verdicts and titles."""
    folder = ROOT / "app" / "web" / "dashboard"
    files = [folder / "verdict.py", folder / "vendors.py", *(folder / "templates").glob("*.html")]
    pieces = [piece for path in files for piece in re.split(r"""[<>"'{}%]""", path.read_text("utf-8"))]
    return {re.sub(r"\s+", " ", piece).strip() for piece in pieces}


@by_guide
def test_the_dashboards_words_are_on_its_pages(name):
    """Emphasised words of the section on seeing it live, but for what is done at the vendor, are on the dashboard."""
    steps = re.split(r" (?=\d\. )", live(name))
    ours = " ".join(step for step in steps if not re.match(r"\d\. In [A-Z]", step))
    words = {re.sub(r"\*", "", each) for each in re.findall(r"\*{1,2}[^*]+\*{1,2}", ours)}
    assert {"Set-up", "Overview"} & words
    assert words - shown() == set()


@pytest.mark.parametrize("word", ["Take out of DX", "Open too long", "Refused signatures", "left out"])
def test_words_elsewhere_are_on_the_dashboard(word):
    """What guides say outside that section, too."""
    assert word in shown()
    assert any(word in read(name) for name in GUIDED)


def snippets():
    """Return the pieces of bridge.toml, with their guide."""
    for name in GUIDED:
        for block in re.findall(r"(?:^ {4,}.*\n)+", read(name), re.MULTILINE):
            lines = [line.strip() for line in block.splitlines()]
            tables = [number for number, line in enumerate(lines) if re.match(r"\[[a-z.]+\]$", line)]
            if tables:
                yield name, "\n".join(lines[tables[0] :])


def test_pieces_of_policy_are_found():
    """The pattern above finds those of each guide that has some."""
    assert [name for name, _ in snippets()] == ["dx", "jira", "jira", "jsm", "opsgenie", "opsgenie"]


@pytest.mark.parametrize(("name", "text"), list(snippets()))
def test_a_piece_of_policy_is_valid(name, text):
    """Each piece of bridge.toml is taken without a problem."""
    assert read_config(tomllib.loads(text))[1] == [], name


@pytest.mark.parametrize("name", ["pagerduty", "opsgenie", "jsm", "jira"])
def test_the_probe_becomes_no_incident(name):
    """The sample that a guide replays is ignored by the mapper, so nothing reaches DX."""
    file, source = re.search(r"(tests/samples/\S+\.json)", read(name))[1], name
    told = CliRunner().invoke(main, ["map", "--source", source, str(ROOT / file)])
    assert json.loads(told.stdout)["outcome"] == "ignored"


def quoted(name):
    """Return what a guide says that commands print; `…` stands for the rest."""
    begins = r"(?:source [a-z]+: |DX: |note: |problem: |Everything that |Webhook subscription )"
    return re.findall(rf"^ {{4,}}({begins}.*)$|`({begins}[^`]*)`", read(name), re.MULTILINE)


def environment(url):
    """Return the settings of somebody who has followed every guide, with the stand-ins at `url`."""
    reading = ("PAGERDUTY_API_TOKEN", "OPSGENIE_API_KEY", "JSM_API_TOKEN")
    return {
        **dict.fromkeys(reading, VENDOR_TOKEN),
        **{source.secrets_env: "a-webhook-secret-0123" for source in default_sources().values()},
        "PAGERDUTY_API_URL": f"{url}/pagerduty",
        "OPSGENIE_API_URL": f"{url}/opsgenie",
        "JSM_API_URL": f"{url}/atlassian",
        "JSM_EMAIL": "bridge@example.com",
        "JSM_CLOUD_ID": "11111111-2222-3333-4444-555555555555",
        "DX_BASE_URL": url,
        "DX_API_TOKEN": DX_TOKEN,
    }


def disable(url):
    """Let the stand-in for PagerDuty disable the one subscription that it has."""
    headers = {"Authorization": f"Token token={VENDOR_TOKEN}"}
    listed = requests.get(f"{url}/pagerduty/webhook_subscriptions", headers=headers, timeout=10).json()
    [made] = listed["webhook_subscriptions"]
    method = made["delivery_method"] | {"temporarily_disabled": True}
    world = {"subscriptions": [made | {"delivery_method": method}]}
    requests.patch(f"{url}/sandbox/vendors/pagerduty", json=world, timeout=10).raise_for_status()


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Return every line that `subscribe` and `check` print: made, in order, disabled, enabled, with a wrong token."""
    subscribe = ("subscribe", "pagerduty", "--url", "https://bridge.example.com")
    with pytest.MonkeyPatch.context() as patch, running(create_sandbox(DX_TOKEN)) as url:
        patch.chdir(tmp_path_factory.mktemp("guide"))
        for name, value in environment(url).items():
            patch.setenv(name, value)
        lines = run(*subscribe) + run("check")
        disable(url)
        lines += run("check") + run(*subscribe)
        patch.setenv("DX_API_TOKEN", "another-token-0123456789")
        return [any_id(line) for line in lines + run("check")]


def run(*words):
    """Return the lines that a command prints, on both streams."""
    return CliRunner().invoke(main, list(words)).output.splitlines()


def any_id(line):
    """Return a line with the id of a subscription made the same everywhere."""
    return re.sub(r"\bP[0-9A-F]{14}|\bP[0-9A-F]{13}\b", "P0", line)


@by_guide
def test_output_is_what_the_commands_print(name, printed):
    """Each line of output in a guide is printed, word for word as far as it goes."""
    for line in map(any_id, map("".join, quoted(name))):
        assert any(each.startswith(line.rstrip("…")) for each in printed), line


def test_output_is_found():
    """The pattern above finds lines of output in each guide."""
    assert all(quoted(name) for name in GUIDED)


def test_the_enabling_is_told(printed):
    """What PagerDuty's guide says of healing ends the line that `subscribe` prints."""
    assert "`… is there: enabled.`" in read("pagerduty")
    assert any(line.endswith(" is there: enabled.") for line in printed)


def parsed(path):
    """Return a page's tokens."""
    return MarkdownIt().enable("table").parse(path.read_text("utf-8"))


def anchors(path):
    """Return the anchors of a page's headings: lower case, no punctuation, blanks become dashes."""
    tokens = parsed(path)
    heads = (after.content for token, after in pairwise(tokens) if token.type == "heading_open")
    plain = (re.sub(r"\]\([^)]*\)", "", head).lower() for head in heads)
    return {re.sub(r"[^\w\- ]", "", head).replace(" ", "-") for head in plain}


def links(path):
    """Return the addresses of a page's links and images, code left aside."""
    inline = [child for token in parsed(path) for child in token.children or ()]
    return [
        each.attrs.get("href") or each.attrs["src"] for each in inline if {"href", "src"} & each.attrs.keys()
    ]


@pytest.mark.parametrize("path", sorted(MARKDOWN), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    """Each link to a file finds it, and each `#…` finds a heading there."""
    for link in links(path):
        if re.match(r"[a-z]+:", link):
            continue
        where, _, anchor = link.partition("#")
        target = Path(path.parent / where).resolve() if where else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_links_are_found():
    """The reader of links sees those of the table of guides."""
    assert {"pagerduty.md", "dx.md#counted-twice"} <= set(links(FOLDER / "README.md"))
