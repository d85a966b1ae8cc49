"""The cluster's objects: valid, linked, locked down."""

import re
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from tests.deploy import dockerfile, kustomize
from tests.deploy.kustomize import of, the
from tests.deploy.platforms import KUBERNETES, serves


@pytest.fixture(params=[False, True], ids=["together", "split"])
def objects(request):
    """Return the cluster's objects, with web and pipeline together and apart."""
    return kustomize.objects(split=request.param)


@pytest.mark.parametrize("version", ["1.30", "1.36"])
def test_objects_are_valid(objects, version):
    """Each object follows the strict schema of an older and a recent version of Kubernetes."""
    for each in objects:
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on this machine")
@pytest.mark.parametrize("split", [False, True], ids=["together", "split"])
def test_kubectl_makes_the_same(split, tmp_path):
    """What the tests here take for kustomize's result is what kubectl makes, but for names and secrets' encoding."""
    folder = shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    shutil.copy(folder / "secret.env.example", folder / "secret.env")
    if split:
        file = folder / "kustomization.yaml"
        file.write_text(file.read_text("utf-8").replace("# components:", "components:"), "utf-8")
    made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True).stdout
    text = re.sub(r"(name: dx-bridge(?:-settings|-policy)?)-[a-z0-9]{10}\b", r"\1", made.decode())
    theirs = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text)}
    ours = {(each["kind"], each["metadata"]["name"]): each for each in kustomize.objects(split=split)}
    assert set(theirs) == set(ours)
    assert {key: theirs[key] for key in theirs if key[0] != "Secret"} == {
        key: ours[key] for key in ours if key[0] != "Secret"
    }


def test_no_file_is_forgotten():
    """Every object of the folder is in a kustomization; the secrets themselves are not committed."""
    there = {str(path.relative_to(KUBERNETES)) for path in KUBERNETES.rglob("*") if path.is_file()}
    others = {"README.md", ".gitignore", "secret.env.example"}
    assert kustomize.named_files() | others == there | {"secret.env"}
    assert (KUBERNETES / ".gitignore").read_text() == "secret.env\n"


def test_references_lead_somewhere(objects):
    """Settings, secrets, policy, services, the budget and the autoscaler name objects that are there."""
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in of(objects, "Deployment")]
    for deployment in of(objects, "Deployment"):
        assert deployment["spec"]["selector"]["matchLabels"] in labels
        (policy,) = [
            each for each in deployment["spec"]["template"]["spec"]["volumes"] if "configMap" in each
        ]
        assert ("ConfigMap", policy["configMap"]["name"]) in names
        for container in kustomize.containers(deployment):
            settings, secret = container["envFrom"]
            assert ("ConfigMap", settings["configMapRef"]["name"]) in names
            assert ("Secret", secret["secretRef"]["name"]) in names
    service, budget = the(objects, "Service"), the(objects, "PodDisruptionBudget")
    assert service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"] == labels[0]
    (rule,) = the(objects, "Ingress")["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert ("Service", backend["name"]) in names
    assert backend["port"]["name"] in [each["name"] for each in service["spec"]["ports"]]
    for scaler in of(objects, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) in names


def test_web_pods_are_probed_where_they_answer(objects, routes):
    """Probes ask routes of the bridge at the port that it binds; the ingress leads there, too."""
    container = of(objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]
    (port,) = container["ports"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment["PORT"] == str(port["containerPort"])
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {each["port"] for each in probes.values()} == {port["name"]}
    paths = {name: each["path"] for name, each in probes.items()}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    assert all(serves(routes, path) for path in paths.values())
    assert the(objects, "Service")["spec"]["ports"][0]["targetPort"] == port["name"]


def test_pods_are_locked_down(objects):
    """No root, no privilege, no token of the cluster, a root file system that nobody writes to."""
    for deployment in of(objects, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" in (
            dockerfile.read().all("USER")
        )
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in kustomize.containers(deployment):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= set(container["resources"])
            assert "/tmp" in [each["mountPath"] for each in container["volumeMounts"]]


def test_the_policy_is_where_the_pods_look(objects):
    """BRIDGE_CONFIG is the file of the ConfigMap where it is mounted."""
    (policy,) = [each for each in of(objects, "ConfigMap") if each["metadata"]["name"] == "dx-bridge-policy"]
    for deployment in of(objects, "Deployment"):
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        environment = {each["name"]: each["value"] for each in container["env"]}
        (mount,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == "policy"]
        assert environment["BRIDGE_CONFIG"] in [f"{mount}/{name}" for name in policy["data"]]


def test_split_takes_the_pipeline_out_of_the_web_pods():
    """Apart, web pods run no pipeline and their number is the autoscaler's."""
    web, pipeline = of(kustomize.objects(split=True), "Deployment")
    assert web["spec"]["template"]["spec"]["containers"][0]["command"][-2:] == ["serve", "--web-only"]
    assert pipeline["spec"]["template"]["spec"]["containers"][0]["command"][-1] == "work"
    assert "replicas" not in web["spec"]
