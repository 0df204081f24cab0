# SPDX-License-Identifier: MIT
"""The two scripts of a lecture, written for one machine, run in the lab as they stand."""
import pathlib
import subprocess
import sys
import unittest

from lab_support import as_ordinary_user, lab, works_here

LECTURE = pathlib.Path(__file__).parent / "lecture"
SCRIPTS = ["--server", f"python3 {LECTURE / 'servidor.py'}", "--client", f"python3 {LECTURE / 'cliente.py'}"]


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Lecture(unittest.TestCase):
    def holds(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("client │ TEXTO ORIGINAL: OLÁ, MUNDO", done.stdout)
        self.assertIn("server │ Conexão recebida de ('10.0.0.2', ", done.stdout)
        self.assertIn("server │ Recebido: texto original: olá, mundo", done.stdout)
        self.assertIn("SYN/ACK: the server accepts", done.stdout)

    def test_it_runs_as_it_stands(self):
        self.holds(lab(*SCRIPTS))

    def test_a_lost_segment_changes_nothing_of_it(self):
        done = lab(*SCRIPTS, "--drop", "client data#1")
        self.holds(done)
        self.assertIn("SENT AGAIN", done.stdout)

    def test_the_scripts_are_what_runs_outside_too(self):
        """On one machine, where the name of the machine means itself."""
        server = subprocess.Popen(["unshare", "-rnum", "sh", "-c", f"""
            ip link set lo up && hostname aula && mount -t tmpfs none /mnt && echo '127.0.0.1 aula' > /mnt/hosts &&
            mount --bind /mnt/hosts /etc/hosts && {{ {sys.executable} {LECTURE / 'servidor.py'} & }}
            for turn in $(seq 100); do ss -tln | grep -q 12345 && break; sleep 0.05; done
            {sys.executable} {LECTURE / 'cliente.py'}; kill $!"""], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = server.communicate(timeout=30)[0]
        self.assertIn("TEXTO ORIGINAL: OLÁ, MUNDO", said)

    def test_the_name_of_the_machine_means_the_server_on_both_hosts(self):
        ask = """python3 -c "import socket; print(socket.gethostname(), socket.gethostbyname(socket.gethostname()))" """
        done = lab("--server", f"sh -c '{ask}; exec peer serve'", "--client", f"sh -c '{ask}; exec peer call --text x'")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("client │ lab 10.0.0.1", done.stdout)
        self.assertIn("server │ lab 10.0.0.1", done.stdout)


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Commands(unittest.TestCase):
    def test_aperto_and_peer_are_commands_of_a_shell_too(self):
        done = lab("--server", "sh -c 'echo serving; exec peer serve --port 7777 --upper'",
                   "--client", "sh -c 'echo \"olá, mundo\" | aperto send --host server --port 7777 && echo done'")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("client │ done", done.stdout)
        self.assertIn("server │ serving", done.stdout)
        self.assertIn("server │ writes=", done.stdout)

    def test_they_are_found_by_a_program_that_looks_on_the_path(self):
        done = lab("--server", "env peer serve", "--client", "env peer call --text 'a b'")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("sent=3", done.stdout)

    def test_names_are_looked_up_in_the_file_alone(self):
        done = lab("--server", "peer serve", "--client", "sh -c 'grep ^hosts: /etc/nsswitch.conf; peer call --text x'")
        self.assertIn("client │ hosts: files\n", done.stdout)

    def test_the_network_is_theirs_without_root(self):
        done = as_ordinary_user("--server", "peer serve", "--client",
                                "sh -c 'id -u; ip link set wire mtu 1400 && echo changed; peer call --text x'")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("client │ changed", done.stdout)
        self.assertNotIn("client │ 0\n", done.stdout)


if __name__ == "__main__":
    unittest.main()
