# SPDX-License-Identifier: MIT
"""Servers that others wrote, each with its own client, in the lab: as root and as an ordinary user. Several of them
look at who they run as: PostgreSQL refuses root, nginx and Redis change to another user or stay who they are."""
import glob
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from lab_support import NOBODY, as_ordinary_user, lab, needs

POSTGRES = (sorted(glob.glob("/usr/lib/postgresql/*/bin")) or [""])[-1]
BAD_WIRE = ["--delay", "2ms", "--drop", "client data#1"]


def setUpModule():
    there = POSTGRES and all(shutil.which(one, path=os.environ["PATH"] + ":/usr/sbin")
                             for one in ("psql", "nginx", "redis-server", "redis-cli", "curl"))
    needs(there, "PostgreSQL, nginx, Redis and curl, with their clients")


class Server(unittest.TestCase):
    """A folder of the user who runs the server, and the run itself."""

    def folder_of(self, user):
        folder = tempfile.mkdtemp(dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        if os.geteuid() == 0:
            os.chown(folder, user, user)
        return pathlib.Path(folder)

    def run_lab(self, run, server, client, shown, *more):
        done = run("--server", server, "--client", client, "--timeout", "40s", *BAD_WIRE, *more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for text in shown:
            self.assertIn(text, done.stdout)
        self.assertIn("SENT AGAIN", done.stdout)


class AsAnOrdinaryUser(Server):
    USER = NOBODY
    WORKER = ""

    def run_here(self, *arguments):
        return as_ordinary_user(*arguments)

    def prefix(self):
        return ""

    def test_postgresql(self):
        data = self.folder_of(NOBODY) / "data"
        whose = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        made = subprocess.run([f"{POSTGRES}/initdb", "-D", data, "-A", "trust", "-U", "aluno", "--no-sync"], capture_output=True,
                              text=True, cwd="/", timeout=120, **whose)
        self.assertEqual(made.returncode, 0, made.stderr)
        with open(data / "pg_hba.conf", "a", encoding="ascii") as file:
            file.write("host all all all trust\n")
        client = "psql -X -h server -U aluno -d postgres -Atc \"select upper('texto original') || ' of ' || current_user\""
        options = f"-k {data} -c listen_addresses=* -c fsync=off"
        for server in (f"{POSTGRES}/postgres -D {data} {options}",
                       f"{POSTGRES}/pg_ctl start --no-wait -D {data} -o '{options}'"):
            # It listens before it lets anybody in.
            self.run_lab(self.run_here, self.prefix() + server, client, ["client │ TEXTO ORIGINAL of aluno"],
                         "--ready", "line:ready to accept connections")
            self.assertFalse((data / "postmaster.pid").exists(), "it was told to end, and did so in order")

    def test_nginx(self):
        folder = self.folder_of(self.USER)
        (folder / "page").write_text("texto original\n", encoding="utf-8")
        temporary = "".join(f"{one}_temp_path {folder}/{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""{self.WORKER} worker_processes 1; daemon off; pid {folder}/pid; error_log stderr;
            events {{}} http {{ access_log off; {temporary} server {{ listen 80; root {folder}; }} }}""", encoding="ascii")
        self.run_lab(self.run_here, f"/usr/sbin/nginx -c {folder}/nginx.conf -e stderr", "curl -sS http://server/page",
                     ["client │ texto original"])

    def test_redis(self):
        folder = self.folder_of(self.USER)
        self.run_lab(self.run_here, f"redis-server --port 6379 --protected-mode no --save '' --dir {folder}",
                     "sh -c 'redis-cli -h server set texto original && redis-cli -h server get texto'",
                     ["client │ OK", "client │ original"])

    def test_pythons_http_server(self):
        folder = self.folder_of(self.USER)
        (folder / "page").write_text("texto original\n", encoding="utf-8")
        self.run_lab(self.run_here, f"python3 -m http.server 80 --directory {folder}", "curl -sS http://server/page",
                     ["client │ texto original"])


@unittest.skipUnless(os.geteuid() == 0, "not root")
class AsRoot(AsAnOrdinaryUser):
    USER = 0
    WORKER = "user www-data;"

    def run_here(self, *arguments):
        return lab(*arguments)

    def prefix(self):
        """PostgreSQL refuses to be root; root may become somebody else."""
        return "setpriv --reuid=nobody --regid=nogroup --init-groups "

    def test_postgresql_refuses_root_in_the_lab_as_anywhere(self):
        done = lab("--server", f"{POSTGRES}/postgres -D /nonexistent", "--client", "true", "--timeout", "20s")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn('"root" execution of the PostgreSQL server is not permitted', done.stdout)


if __name__ == "__main__":
    unittest.main()
