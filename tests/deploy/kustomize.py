"""What `kubectl kustomize` makes of deploy/kubernetes, as far as these files need it."""

from pathlib import Path
from typing import Any

import yaml

from tests.deploy.platforms import KUBERNETES, env_file

Object = dict[str, Any]


def named_files() -> set[str]:
    """Return the files that the kustomizations name."""
    names: set[str] = {"kustomization.yaml", "split/kustomization.yaml"}
    for folder, own in (("", _load(KUBERNETES)), ("split/", _load(KUBERNETES / "split"))):
        names |= {f"{folder}{name}" for name in own["resources"]}
        for generator in own.get("configMapGenerator", []) + own.get("secretGenerator", []):
            names |= {f"{folder}{name}" for name in generator.get("envs", []) + generator.get("files", [])}
    return names


def objects(*, split: bool) -> list[Object]:
    """Return the cluster's objects, with or without the component that takes web and pipeline apart."""
    own = _load(KUBERNETES)
    assert "components" not in own, "as committed, web and pipeline are together"
    made = _resources(KUBERNETES, own)
    if split:
        made += _resources(KUBERNETES / "split", _load(KUBERNETES / "split"))
        for patch in _load(KUBERNETES / "split")["patches"]:
            _apply(patch, made)
    made += _generated(own)
    for each in made:
        _place(each, own)
    return made


def _load(folder: Path) -> Any:
    return yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))


def _resources(folder: Path, own: Any) -> list[Object]:
    return [
        each for name in own["resources"] for each in yaml.safe_load_all((folder / name).read_text("utf-8"))
    ]


def _apply(patch: Any, made: list[Object]) -> None:
    """Carry a JSON patch out on its one target."""
    wanted = patch["target"]
    (target,) = [
        each for each in made if each["kind"] == wanted["kind"] and each["metadata"]["name"] == wanted["name"]
    ]
    for step in yaml.safe_load(patch["patch"]):
        *parents, last = step["path"].strip("/").split("/")
        place: Any = target
        for key in parents:
            place = place[int(key) if isinstance(place, list) else key]
        assert last in place, f"{step['path']} is not there"
        if step["op"] == "remove":
            del place[last]
        else:
            place[last] = step["value"]


def _generated(own: Any) -> list[Object]:
    settings, policy = own["configMapGenerator"]
    (secret,) = own["secretGenerator"]
    files = {name: (KUBERNETES / name).read_text("utf-8") for name in policy["files"]}
    example = env_file(KUBERNETES / f"{secret['envs'][0]}.example")
    return [
        _object("ConfigMap", settings["name"], data=env_file(KUBERNETES / settings["envs"][0])),
        _object("ConfigMap", policy["name"], data=files),
        _object("Secret", secret["name"], stringData=example, type="Opaque"),
    ]


def _object(kind: str, name: str, **body: Any) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **body}


def _place(each: Object, own: Any) -> None:
    """Put an object into the namespace, with the image's full name."""
    if each["kind"] != "Namespace":
        each["metadata"]["namespace"] = own["namespace"]
    (image,) = own["images"]
    for container in containers(each):
        assert container["image"] == image["name"]
        container["image"] = f"{image['newName']}:{image['newTag']}"


def containers(each: Object) -> list[Any]:
    """Return all containers of a deployment, none of anything else."""
    pod = each["spec"]["template"]["spec"] if each["kind"] == "Deployment" else {}
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def of(made: list[Object], kind: str) -> list[Object]:
    """Return the objects of a kind."""
    return [each for each in made if each["kind"] == kind]


def the(made: list[Object], kind: str) -> Object:
    """Return the one object of a kind."""
    (found,) = of(made, kind)
    return found
