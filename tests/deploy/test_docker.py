"""The image's and compose's files, as far as they can be checked without an engine."""

import os
import re
import shutil
import stat
import subprocess
import sys

import pytest

from tests.deploy import dockerfile, platforms
from tests.deploy.platforms import DOCKER, ROOT


def test_the_dockerfile_is_well_made():
    """The Dockerfile passes hadolint without an exception."""
    hadolint = shutil.which("hadolint", path=os.path.dirname(sys.executable))  # noqa: PTH120
    checked = subprocess.run(
        [hadolint, "--no-color", DOCKER / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_image_is_locked_down():
    """It runs as a user that is a number and not root, without a shell, and stops by SIGTERM."""
    image = dockerfile.read()
    assert image.all("USER") == ["10001:10001"]
    assert image.all("STOPSIGNAL") == ["SIGTERM"]
    assert image.command() == ["python", "-m", "app", "serve"]
    assert image.all("EXPOSE") == [image.environment()["PORT"]] == ["8000"]
    assert image.environment()["PYTHONUNBUFFERED"] == "1"


def test_the_image_pins_its_packages():
    """Packages come by their hashes, as wheels, with what PostgreSQL needs."""
    (pip,) = [line for name, line in dockerfile.read().stages["build"] if line.startswith("pip")]
    assert {"--require-hashes", "--only-binary", "requirements.txt"} <= set(pip.split())
    locked = (ROOT / "requirements.txt").read_text("utf-8")
    assert re.search(r"^psycopg-binary==", locked, re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("app/cli/serve.py", True),
        ("requirements.txt", True),
        ("bridge.toml", True),
        (".env", False),
        (".git/config", False),
        ("app/__pycache__/wsgi.cpython-311.pyc", False),
        ("bridge.db", False),
        ("deploy/docker/secrets/dx_api_token", False),
        ("tests/harness.py", False),
    ],
)
def test_the_build_sees_only_what_it_needs(path, kept):
    """Secrets, databases and history stay out of the build."""
    assert dockerfile.in_context(path) is kept


def test_compose_is_valid():
    """The compose file follows the specification's schema."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run([*command, DOCKER / "compose.yaml"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_compose_starts_in_order():
    """The bridge starts after the migration, and that when PostgreSQL answers."""
    services = platforms.compose()["services"]
    conditions = {name: each["condition"] for name, each in services["bridge"]["depends_on"].items()}
    assert conditions == {"database": "service_healthy", "migrate": "service_completed_successfully"}
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert "healthcheck" in services["database"]
    assert services["bridge"]["restart"] == "unless-stopped"


def test_compose_gives_every_secret_as_a_file(secrets):
    """Each secret is a file that prepare.sh makes, given to the bridge, and read from where it is mounted."""
    parsed = platforms.compose()
    declared = {name: each["file"] for name, each in parsed["secrets"].items()}
    assert declared == {name: f"./secrets/{name}" for name in declared}
    assert sorted(declared) == sorted(path.name for path in secrets.iterdir())
    bridge = parsed["services"]["bridge"]
    read = {value for name, value in bridge["environment"].items() if name.endswith("_FILE")}
    assert read == {f"/run/secrets/{name}" for name in bridge["secrets"]}
    assert set(bridge["secrets"]) == set(declared) - {"postgres_password"}


def test_compose_keeps_the_machine_safe():
    """The bridge writes nowhere but in memory, has no privilege, and listens on loopback only."""
    bridge = platforms.compose()["services"]["bridge"]
    assert (bridge["read_only"], bridge["tmpfs"], bridge["cap_drop"]) == (True, ["/tmp"], ["ALL"])
    assert platforms.interpolated(bridge["ports"][0]) == "127.0.0.1:8000:8000"
    assert "ports" not in platforms.compose()["services"]["database"]


def test_compose_variables_are_in_the_example():
    """What the compose file has no default for is in `.env.example`, and nothing there is unused."""
    used = dict(re.findall(r"\$\{([A-Z_]+):([-?])", (DOCKER / "compose.yaml").read_text("utf-8")))
    example = platforms.env_file(DOCKER / ".env.example")
    assert {name for name, kind in used.items() if kind == "?"} <= set(example) <= set(used)


def test_prepared_secrets_are_private_and_stay(secrets):
    """Other users cannot come near the secrets, the container's user can read them, a second run changes none."""
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    subprocess.run([secrets.parent / "prepare.sh"], check=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o644}
    assert before["database_url"] == f"postgresql://bridge:{before['postgres_password']}@database/bridge"
