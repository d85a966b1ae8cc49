"""The files of hosted platforms, and what holds for every platform."""

from app.supervise import STOP_SECONDS
from tests.deploy import kustomize, platforms
from tests.deploy.kustomize import of
from tests.deploy.platforms import DEPLOY, DOCKER, FLY, RENDER, ROOT, serves

LEAST_GRACE = STOP_SECONDS + 6
"""Seconds from SIGTERM to SIGKILL: STOP_SECONDS, and time to end."""


def test_fly_builds_and_migrates(routes):
    """The image is ours, the database is migrated first, and the check asks the port that the bridge binds."""
    fly = platforms.fly()
    for key in ("dockerfile", "ignorefile"):
        assert (FLY / fly["build"][key]).resolve().parent == DOCKER
    assert fly["deploy"]["release_command"] == "python -m app db upgrade"
    assert str(fly["http_service"]["internal_port"]) == fly["env"]["PORT"]
    assert all(serves(routes, each["path"]) for each in fly["http_service"]["checks"])
    assert fly["kill_signal"] == "SIGTERM"


def test_fly_lets_the_pipeline_live():
    """No machine is stopped for want of requests."""
    service = platforms.fly()["http_service"]
    assert (service["auto_stop_machines"], service["min_machines_running"]) == ("off", 1)


def test_render_builds_and_migrates(routes):
    """The image is ours, the database is migrated first, and the check asks a route of the bridge."""
    service, database = platforms.render()
    assert (service["runtime"], service["dockerContext"]) == ("docker", ".")
    assert (ROOT / service["dockerfilePath"]).resolve() == DOCKER / "Dockerfile"
    assert service["preDeployCommand"] == "python -m app db upgrade"
    assert serves(routes, service["healthCheckPath"])
    links = [each["fromDatabase"]["name"] for each in service["envVars"] if "fromDatabase" in each]
    assert links == [database["name"]]


def test_render_holds_no_secret():
    """Secrets are asked for or generated; the database is open to nobody outside."""
    service, database = platforms.render()
    open_values = {each["key"] for each in service["envVars"] if "value" in each}
    assert open_values == {"TRUSTED_PROXIES"}
    assert database["ipAllowList"] == []
    assert (RENDER / "render.yaml").is_relative_to(DEPLOY)


def test_every_platform_waits_for_the_end():
    """From SIGTERM to SIGKILL there is time for requests and calls under way."""
    service, _ = platforms.render()
    grace = platforms.compose()["services"]["bridge"]["stop_grace_period"]
    assert min(int(grace.removesuffix("s")), platforms.fly()["kill_timeout"]) >= LEAST_GRACE
    assert service["maxShutdownDelaySeconds"] >= LEAST_GRACE
    for deployment in of(kustomize.objects(split=True), "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        stop = pod["containers"][0].get("lifecycle", {}).get("preStop", {"exec": {"command": ["sleep", "0"]}})
        waited = int(stop["exec"]["command"][1])
        assert pod["terminationGracePeriodSeconds"] >= waited + LEAST_GRACE
