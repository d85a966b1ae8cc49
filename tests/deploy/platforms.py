"""The files of the platforms, read as their platforms read them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from app.sources import default_sources

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKER, KUBERNETES, FLY, RENDER = (DEPLOY / name for name in ("docker", "kubernetes", "fly", "render"))
OUR_READMES = [folder / "README.md" for folder in (DOCKER, KUBERNETES, FLY, RENDER)]
FILLED = {
    "DX_BASE_URL": "https://acme.getdx.net",
    "DX_API_TOKEN": "dx-token-0123456789",
    "BRIDGE_ADMIN_TOKEN": "admin-token-0123456789",
    "METRICS_TOKEN": "metrics-token-0123456789",
    "PAGERDUTY_WEBHOOK_SECRETS": "pagerduty-secret-0123456789",
    "DATABASE_URL": "postgresql://bridge:acme@db.example.com/bridge?sslmode=require",
}
"""What an operator fills in."""


def texts() -> dict[str, str]:
    """Return every text by which an operator deploys, by its path from the root."""
    files = [path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and ".terraform" not in path.parts]
    files += [path for path in (ROOT / "Procfile", ROOT / "app.json") if path.exists()]
    made = ("secret.env", ".env")  # by an operator who works in this checkout
    kept = [path for path in files if path.name not in made and path.parent.name != "secrets"]
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in kept}


def settings() -> set[str]:
    """Return the variables that the code reads."""
    sources = ("settings.py", "sources.py", "metric_files.py", "orphan.py")
    code = "".join((ROOT / "app" / name).read_text("utf-8") for name in sources)
    known = set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)"', code))
    known |= {source.secrets_env for source in default_sources().values()}
    return known | {f"{name}_FILE" for name in known}


def compose() -> dict[str, Any]:
    """Return the compose file with its anchors resolved."""
    parsed: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    return parsed


def fly() -> dict[str, Any]:
    """Return Fly's configuration."""
    return tomllib.loads((FLY / "fly.toml").read_text("utf-8"))


def render() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the service and the database of the Blueprint."""
    parsed = yaml.safe_load((RENDER / "render.yaml").read_text("utf-8"))
    assert sorted(parsed) == ["databases", "services"]
    (service,), (database,) = parsed["services"], parsed["databases"]
    return service, database


def env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file of NAME=value lines."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def interpolated(value: str) -> str:
    """Return a value of the compose file with the defaults of its variables."""
    return re.sub(r"\$\{[A-Z_]+(?::-([^}]*)|:\?[^}]*)\}", lambda match: match[1] or "", value)


def environments(secrets: Path) -> dict[str, dict[str, str]]:
    """Return each platform's environment of the bridge, as filled in by an operator; compose reads `secrets`."""
    pods = env_file(KUBERNETES / "settings.env") | env_file(KUBERNETES / "secret.env.example") | FILLED
    bridge = compose()["services"]["bridge"]["environment"]
    ours = {name: interpolated(value) for name, value in bridge.items()}
    files = {name: value.replace("/run/secrets", str(secrets)) for name, value in ours.items()}
    policy = {"BRIDGE_CONFIG": str(DOCKER / "bridge.toml")}
    blueprint = {each["key"]: each.get("value", FILLED.get(each["key"])) for each in render()[0]["envVars"]}
    return {
        "docker": files | policy | {"DX_BASE_URL": FILLED["DX_BASE_URL"]},
        "kubernetes": pods | policy,
        "fly": fly()["env"] | FILLED,
        "render": blueprint | {"PORT": "10000", "RENDER": "true"},
    }


def serves(routes: Any, path: str) -> bool:
    """Tell whether the bridge has this path."""
    try:
        routes.match(path)
    except (NotFound, RequestRedirect):
        return False
    except MethodNotAllowed:
        return True
    return True
