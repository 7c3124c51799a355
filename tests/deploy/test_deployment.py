"""The container file, the Compose file and the manifests: what linters and our own commands say."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from homeostat import __version__
from homeostat.cli.configuration import service_settings
from homeostat.cli.serve import serve
from homeostat.fleet import load_file

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
COMPOSE = DEPLOY / "compose" / "compose.yaml"
DOCKERFILE = ROOT / "Dockerfile"


def linter(name, *arguments, **environment):
    """Run a linter of the extra `linters`; what it said is the message when it is not content."""
    found = shutil.which(
        name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if found is None:
        pytest.skip(f"{name} is not there: pip install '.[linters]'")
    done = subprocess.run(
        [found, *map(str, arguments)], capture_output=True, text=True, timeout=120,
        env={**os.environ, **environment}, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def serve_options(arguments):
    """The options of `homeostat serve` as given; fails for one that there is not."""
    assert arguments[0] == "serve"
    context = serve.make_context("serve", list(arguments[1:]))
    return context.params


def manifest(kind):
    """The one manifest of a kind."""
    (found,) = (each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text())
                if each["kind"] == kind)  # fmt: skip
    return found


def environment_of(options, settings):
    """The settings of the service as that container has them."""
    chosen = {"host": options["host"], "behind_proxy": options["behind_proxy"]}
    return service_settings(settings, chosen)


# The container ----------------------------------------------------------------------------------


def test_hadolint_finds_nothing():
    linter("hadolint", DOCKERFILE)


def test_the_container_runs_as_nobody_special_and_is_looked_after():
    text = DOCKERFILE.read_text()
    last = text.rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert int(user[1]) > 0
    assert re.search(r"^HEALTHCHECK ", last, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", last, re.MULTILINE)
    command = json.loads(re.search(r"^CMD (\[.*\])$", last, re.MULTILINE)[1])
    options = serve_options(command)
    assert options["folder"] == "/data"
    assert options["token_file"].startswith("/data/")
    assert options["behind_proxy"]


def test_the_extras_of_the_container_exist():
    extras = re.search(r'"\.\[([\w,]+)\]"', DOCKERFILE.read_text())[1].split(",")
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) <= known.keys()


def test_what_the_container_is_built_of_is_sent_to_the_builder():
    """Each source of a COPY is in the context that .dockerignore leaves."""
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    assert {word for line in copied for word in line.split()} == kept
    assert all((ROOT / each).exists() for each in kept)


def test_the_health_check_asks_the_service():
    command = re.search(r'^    CMD (\["python".*\])$', DOCKERFILE.read_text(), re.MULTILINE)[1]
    compile(json.loads(command)[2], "health check", "exec")
    assert "127.0.0.1:8321/healthz" in command


# Compose ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def composed():
    return yaml.safe_load(COMPOSE.read_text())


def test_compose_takes_the_file():
    secrets = {"POSTGRES_PASSWORD": "p", "GRAFANA_PASSWORD": "g"}
    told = linter("docker-compose", "-f", COMPOSE, "config", "--format", "json", **secrets)
    assert set(json.loads(told)["services"]) == {"grafana", "homeostat", "postgres", "prometheus"}


def test_compose_without_passwords_is_refused(composed):
    assert (
        "${POSTGRES_PASSWORD:?"
        in composed["services"]["homeostat"]["environment"]["HOMEOSTAT_STORE"]
    )


def test_the_service_of_compose_starts_with_its_configuration(composed, monkeypatch):
    service = composed["services"]["homeostat"]
    options = serve_options(service["command"])
    monkeypatch.setenv("HOMEOSTAT_STORE", "postgresql://homeostat@postgres/homeostat")
    settings = environment_of(options, load_file(DEPLOY / "compose" / "homeostat.toml"))
    assert settings.where(Path(options["folder"])).startswith("postgresql://")
    assert "homeostat" in settings.hosts  # the name under which Prometheus asks
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_nothing_of_compose_is_open_to_the_network(composed):
    ports = [port for each in composed["services"].values() for port in each.get("ports", [])]
    assert ports
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


def test_what_compose_mounts_is_there_or_made_by_the_page(composed):
    page = (ROOT / "docs" / "howto" / "containers.md").read_text()
    for each in composed["services"].values():
        for source in (mount.split(":")[0] for mount in each.get("volumes", [])):
            there = (DEPLOY / "compose" / source).exists() or source in composed["volumes"]
            assert there or source.removeprefix("./") in page, source


def test_prometheus_is_told_where_the_service_is():
    told = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())
    (job,) = told["scrape_configs"]
    rules = (files("homeostat.service") / "observability" / "alerts.yml").read_text()
    assert f'job="{job["job_name"]}"' in rules
    assert job["static_configs"] == [{"targets": ["homeostat:8321"]}]


# Kubernetes -------------------------------------------------------------------------------------


def test_yamllint_finds_nothing():
    linter("yamllint", "--strict", "-c", ROOT / ".yamllint", DEPLOY, ROOT / "mkdocs.yml")


@pytest.mark.parametrize(
    "path", [path for path in MANIFESTS if path.stem != "kustomization"], ids=lambda path: path.name
)
def test_kubernetes_schemas_take_a_manifest(path):
    linter("kubernetes-validate", "--strict", path)


def test_kustomize_has_all_manifests():
    told = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    others = {path.name for path in MANIFESTS} - {"kustomization.yaml"}
    assert set(told["resources"]) == others


def test_the_pod_keeps_to_the_restricted_standard():
    pod = manifest("StatefulSet")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
    assert {"requests", "limits"} <= container["resources"].keys()


def test_one_pod_holds_the_store():
    assert manifest("StatefulSet")["spec"]["replicas"] == 1


def test_the_service_of_the_pod_starts_with_its_configuration(tmp_path):
    (container,) = manifest("StatefulSet")["spec"]["template"]["spec"]["containers"]
    options = serve_options(container["args"])
    text = manifest("ConfigMap")["data"]["homeostat.toml"]
    (tmp_path / "homeostat.toml").write_text(text)
    settings = environment_of(options, load_file(tmp_path / "homeostat.toml"))
    name = manifest("Service")["metadata"]
    assert f"{name['name']}.{name['namespace']}.svc" in settings.hosts
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    for path in (options["folder"], options["token_file"], options["config_path"]):
        assert any(path.startswith(mount) for mount in mounts), path


def test_the_versions_are_the_one_of_the_package():
    """Images are named by the version that they are built of."""
    images = [manifest("StatefulSet")["spec"]["template"]["spec"]["containers"][0]["image"]]
    images.append(yaml.safe_load(COMPOSE.read_text())["services"]["homeostat"]["image"])
    assert images == [f"homeostat:{__version__}"] * 2
    assert all(shlex.quote(image) == image for image in images)
