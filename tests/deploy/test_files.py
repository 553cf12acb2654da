"""The files of deploy/ and the lists of packages, read without a daemon or a cluster."""

from __future__ import annotations

import re

import kubernetes_validate
import pytest
import yaml

from tests.browser.serving import ROOT
from tests.deploy.proxy import TEMPLATE

DEPLOY = ROOT / "deploy"
OBJECTS = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))
KINDS = {found["kind"]: found for found in OBJECTS}
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
HEALTH = "/_stcore/health"
UPDATED = "run `make lock`"


def pins(name: str) -> dict[str, str]:
    """Package → version, of a list or a lock."""
    text = (ROOT / name).read_text("utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, flags=re.M))


class TestKubernetes:
    @pytest.mark.parametrize("found", OBJECTS, ids=KINDS)
    def test_the_official_schema(self, found: dict):
        kubernetes_validate.validate(found, "1.31", strict=True)

    def test_a_mistake_would_be_seen(self):
        broken = KINDS["Service"] | {"spec": KINDS["Service"]["spec"] | {"sessionAfinity": "None"}}
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, "1.31", strict=True)

    def test_everything_is_about_the_same_pods(self):
        spec = KINDS["Deployment"]["spec"]
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"] == labels
        assert KINDS["Service"]["spec"]["selector"] == labels
        for kind in ("PodDisruptionBudget", "NetworkPolicy"):
            selector = KINDS[kind]["spec"].get("selector") or KINDS[kind]["spec"]["podSelector"]
            assert selector["matchLabels"] == labels
        scaled = KINDS["HorizontalPodAutoscaler"]["spec"]
        assert scaled["scaleTargetRef"]["name"] == KINDS["Deployment"]["metadata"]["name"]
        budget = KINDS["PodDisruptionBudget"]["spec"]["minAvailable"]
        assert scaled["minReplicas"] > budget, "or no node could ever be emptied"

    def test_the_container_is_what_the_image_expects(self):
        pod = KINDS["Deployment"]["spec"]["template"]["spec"]
        (app,) = pod["containers"]
        assert f"USER {pod['securityContext']['runAsUser']}:" in DOCKERFILE
        assert f"EXPOSE {app['ports'][0]['containerPort']}\n" in DOCKERFILE
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert app[probe]["httpGet"] == {"path": HEALTH, "port": "http"}
        mounted = {mount["mountPath"] for mount in app["volumeMounts"]}
        assert mounted == {"/tmp", re.search(r"BN_RUNS_DIR=(\S+)", DOCKERFILE)[1]}
        pause = app["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pause < pod["terminationGracePeriodSeconds"]


class TestCompose:
    def test_nginx_is_given_all_that_the_template_asks_for(self):
        nginx = COMPOSE["services"]["nginx"]
        asked = set(re.findall(r"^[^#]*?\$\{(BN_\w+)\}", TEMPLATE.read_text("utf-8"), flags=re.M))
        assert asked == {name for name in nginx["environment"] if name.startswith("BN_")}
        mounted, *_ = nginx["volumes"][0].split(":")
        assert (DEPLOY / mounted).resolve() == TEMPLATE

    def test_replicas_are_not_told_apart_by_name(self):
        """`consistent` would take all addresses of one name for one server."""
        assert re.search(r"^\s*hash \$lab_key;$", TEMPLATE.read_text("utf-8"), flags=re.M)
        assert (
            "server app:8501 resolve " in COMPOSE["services"]["nginx"]["environment"]["BN_SERVERS"]
        )

    def test_what_the_image_is_built_from_is_there(self):
        app = COMPOSE["services"]["app"]
        assert (DEPLOY / app["build"]["context"] / app["build"]["dockerfile"]).is_file()
        copied = re.findall(r"^COPY (\S+) ", DOCKERFILE, flags=re.M)
        allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), flags=re.M)
        assert set(copied) == set(allowed)
        assert all((ROOT / name).exists() for name in copied)


class TestPackages:
    @pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
    def test_lists_are_exact_and_locks_follow_them(self, name: str):
        lines = (ROOT / f"{name}.txt").read_text("utf-8").splitlines()
        wanted = [line for line in lines if line and not line.startswith(("#", "-r"))]
        assert len(wanted) == len(pins(f"{name}.txt")), "every line is an exact pin"
        assert pins(f"{name}.txt").items() <= pins(f"{name}.lock").items(), UPDATED

    def test_every_package_that_users_install_has_its_licence_listed(self):
        text = (ROOT / "docs" / "LICENCES.md").read_text("utf-8")
        rows = re.findall(r"^\| (\S+) +\| (.+?) +\|", text, flags=re.M)[1:]
        licences = {name.lower().replace("_", "-"): licence for name, licence in rows}
        elsewhere = {"colorama"}  # only on Windows
        assert pins("requirements.lock").keys() - elsewhere == licences.keys(), UPDATED
        assert "UNKNOWN" not in licences.values()
        assert not [name for name, licence in licences.items() if re.search(r"\bA?GPL", licence)]
