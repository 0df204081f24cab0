# SPDX-License-Identifier: MIT
"""The files for balancers and for Kubernetes, by the programs that read them where there are any here."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from programs import LIMIT_S, PROGRAM  # noqa: E402

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
MODULES = Path("/etc/nginx/modules-enabled")


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=LIMIT_S, check=False)


class Balancers(unittest.TestCase):
    @unittest.skipUnless(Path("/usr/sbin/haproxy").exists(), "HAProxy is not installed")
    def test_haproxy_takes_its_file(self):
        done = run("/usr/sbin/haproxy", "-c", "-f", ROOT / "deploy/haproxy/haproxy.cfg")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("[WARNING]", done.stderr)

    @unittest.skipUnless(any(MODULES.glob("*stream*.conf")), "nginx or its stream module is not installed")
    def test_nginx_takes_its_file(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("/usr/sbin/nginx", "-t", "-c", ROOT / "deploy/nginx/nginx.conf", "-g",
                       f"pid {folder}/pid; error_log stderr;")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("[warn]", done.stderr)


class Kubernetes(unittest.TestCase):
    def setUp(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("NOT RUN HERE: Python's yaml is not installed")
        text = (ROOT / "deploy/kubernetes/aperto.yaml").read_text()
        self.of = {each["kind"]: each for each in yaml.safe_load_all(text)}
        self.pod = self.of["Deployment"]["spec"]["template"]
        [self.container] = self.pod["spec"]["containers"]

    def test_the_parts_name_each_other(self):
        labels = self.pod["metadata"]["labels"]
        self.assertEqual(self.of["Deployment"]["spec"]["selector"]["matchLabels"], labels)
        self.assertEqual(self.of["Service"]["spec"]["selector"], labels)
        self.assertEqual(self.of["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"], labels)
        target = self.of["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
        self.assertEqual((target["kind"], target["name"]), ("Deployment", self.of["Deployment"]["metadata"]["name"]))
        ports = {port["name"] for port in self.container["ports"]}
        self.assertIn(self.of["Service"]["spec"]["ports"][0]["targetPort"], ports)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            self.assertIn(self.container[probe]["httpGet"]["port"], ports)

    def test_the_server_takes_its_arguments(self):
        command = [{"9999": "0", "[::]:9901": "[::1]:0"}.get(word, word) for word in self.container["args"]]
        with subprocess.Popen([PROGRAM, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as server:
            first = server.stdout.readline()
            server.kill()
        self.assertEqual(json.loads(first)["event"], "listening")

    @unittest.skipUnless(shutil.which("kubectl"), "kubectl is not installed")
    def test_kubectl_drops_no_field_of_the_deployment(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.of["Deployment"], file)
            file.flush()
            done = run("kubectl", "set", "image", "--local", "-f", file.name, "-o", "json", "aperto=another")
        self.assertEqual(done.returncode, 0, done.stderr)

        def missing(ours, theirs, at=""):
            if isinstance(ours, dict):
                return [gap for key in ours for gap in
                        (missing(ours[key], theirs[key], f"{at}.{key}") if key in theirs else [f"{at}.{key}"])]
            if isinstance(ours, list):
                return [gap for one, other in zip(ours, theirs) for gap in missing(one, other, at)]
            return []

        self.assertEqual(missing(self.of["Deployment"], json.loads(done.stdout)), [])

    def test_a_drain_ends_before_the_patience_of_kubernetes(self):
        arguments = self.container["args"]
        delay, deadline = (int(re.fullmatch(r"(\d+)s", arguments[arguments.index(name) + 1])[1])
                           for name in ("--drain-delay", "--drain-deadline"))
        probe = self.container["readinessProbe"]
        self.assertGreater(delay, probe["periodSeconds"] * probe["failureThreshold"])
        self.assertGreater(self.pod["spec"]["terminationGracePeriodSeconds"], delay + deadline)

    def test_a_container_may_do_little(self):
        self.assertIs(self.pod["spec"]["securityContext"]["runAsNonRoot"], True)
        self.assertEqual(self.pod["spec"]["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertEqual(self.container["securityContext"], {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})


if __name__ == "__main__":
    unittest.main(verbosity=2)
