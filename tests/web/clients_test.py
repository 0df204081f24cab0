# SPDX-License-Identifier: MIT
"""aperto-web and the clients of the field: curl, wget and Python's http.client; on both engines, and over TLS."""

import email.utils
import http.client
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from web_support import LARGE, Web


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, timeout=60, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stderr.decode()}")
    return done


class Clients:
    """What each server below has to do."""

    ENGINE, TLS = "auto", False

    @classmethod
    def setUpClass(cls):
        cls.web = Web(cls, "--engine", cls.ENGINE, tls=cls.TLS)
        cls.trust = ["--cacert", cls.web.authority] if cls.TLS else []

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def curl(self, path, *more, **how):
        return run("curl", "-sS", *self.trust, *more, self.web.url + path, **how).stdout

    def ask(self, method, path, **fields):
        if self.TLS:
            connection = http.client.HTTPSConnection("localhost", self.web.port, context=self.web.context, timeout=20)
        else:
            connection = http.client.HTTPConnection("localhost", self.web.port, timeout=20)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer

    # ---- curl

    @unittest.skipUnless(shutil.which("curl"), "NOT RUN HERE: curl is not installed")
    def test_curl_gets_files_and_asks_for_heads(self):
        self.assertEqual(self.curl("/hello"), b"hello, world\n")
        self.assertEqual(self.curl("/large"), LARGE)
        self.assertEqual(self.curl("/none"), b"")
        self.assertEqual(self.curl("/a%20%3Cb%3E%20%26%20%C3%A7%C3%A3o.txt"), b"odd")
        head = self.curl("/large", "-I").decode()
        self.assertIn("HTTP/1.1 200 OK\r\n", head)
        self.assertIn(f"Content-Length: {len(LARGE)}\r\n", head)
        self.assertEqual(self.curl("/sub", "-L"), b"<h1>sub</h1>")
        self.assertEqual(self.curl("/hello", "-0", "-i").split(b"\r\n")[0], b"HTTP/1.1 200 OK")

    @unittest.skipUnless(shutil.which("curl"), "NOT RUN HERE: curl is not installed")
    def test_curl_keeps_its_connection(self):
        told = self.curl("/hello", "-w", "%{num_connects} ", self.web.url + "/a.txt", self.web.url + "/nowhere", "-o", "/dev/null",
                         "-o", "/dev/null", "-o", "/dev/null")
        self.assertEqual(told, b"1 0 0 ")

    @unittest.skipUnless(shutil.which("curl"), "NOT RUN HERE: curl is not installed")
    def test_curl_goes_on_where_it_was(self):
        half = self.folder / "large"
        half.write_bytes(LARGE[:1_234_567])
        self.curl("/large", "-C", "-", "-o", half)
        self.assertEqual(half.read_bytes(), LARGE)
        self.assertEqual(self.curl("/a.txt", "-r", "2-5"), b"2345")
        self.assertEqual(self.curl("/a.txt", "-r", "-3"), b"789")
        self.assertEqual(self.curl("/a.txt", "-r", "0-1,4-5"), b"0123456789", "several ranges are the whole")

    @unittest.skipUnless(shutil.which("curl"), "NOT RUN HERE: curl is not installed")
    def test_curl_gets_once_what_has_not_changed(self):
        tag, out = self.folder / "etag", self.folder / "out"
        for _ in range(2):
            told = self.curl("/a.txt", "--etag-save", tag, "--etag-compare", tag, "-o", out, "-w", "%{http_code} ")
        self.assertEqual(told, b"304 ")
        os.utime(out, (time.time() + 60, time.time() + 60))
        self.assertEqual(self.curl("/a.txt", "-z", out, "-w", "%{http_code}"), b"304")

    @unittest.skipUnless(shutil.which("curl"), "NOT RUN HERE: curl is not installed")
    def test_curl_sends_bodies_in_chunks_and_waits_for_100(self):
        sent = LARGE[:900_000]
        for more in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"],
                     ["-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked"]):
            told = run("curl", "-sSv", *self.trust, "-X", "POST", "-H", "Expect:", *more, "--data-binary", "@-",
                       self.web.url + "/hello", input=sent)
            self.assertEqual(told.stdout, b"hello, thank you for 900000 bytes\n")
            self.assertEqual(b"< HTTP/1.1 100 Continue" in told.stderr, "Expect: 100-continue" in more)
        told = self.curl("/a.txt", "-T", "-", "-w", "%{http_code}", input=sent)
        self.assertEqual(told, b"405 Method Not Allowed\n405")

    # ---- wget

    @unittest.skipUnless(shutil.which("wget"), "NOT RUN HERE: wget is not installed")
    def test_wget_takes_the_whole_folder_by_its_listing(self):
        trust = ["--ca-certificate", self.web.authority] if self.TLS else []
        done = subprocess.run(["wget", "-nv", "-r", "-nH", "--no-parent", *map(str, trust), self.web.url + "/"], cwd=self.folder,
                              capture_output=True, timeout=60, check=False, env=dict(os.environ, LC_ALL="C.UTF-8"))
        self.assertIn(done.returncode, (0, 8), done.stderr)  # 8: some were refused, as they must be
        got = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
        self.assertLessEqual({"a.txt", "in", "none", "large", "sub/index.html", "empty/index.html", "a <b> & ção.txt"}, got)
        self.assertEqual((self.folder / "large").read_bytes(), LARGE)
        self.assertFalse({"out", "out-absolute", "pipe", "device", ".hidden"} & got)
        self.assertNotIn(b"SECRET", b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file()))

    # ---- Python

    def test_python_is_told_what_it_asks(self):
        whole = self.ask("GET", "/a.txt")
        tag, date = whole.getheader("ETag"), whole.getheader("Last-Modified")
        self.assertEqual((whole.status, whole.content, whole.getheader("Content-Type")), (200, b"0123456789", "text/plain; charset=utf-8"))
        self.assertLess(abs(email.utils.parsedate_to_datetime(whole.getheader("Date")).timestamp() - time.time()), 60)
        self.assertEqual(email.utils.parsedate_to_datetime(date).timestamp(), int((self.web.site / "a.txt").stat().st_mtime))
        at = email.utils.parsedate_to_datetime(date)
        others = [at.strftime("%A, %d-%b-%y %H:%M:%S GMT"), at.strftime("%a %b %e %H:%M:%S %Y")]
        older, newer = "Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"
        for fields, status, content in (
            # RFC 9110, 13
            ({"If_None_Match": tag}, 304, b""), ({"If_None_Match": "W/" + tag}, 304, b""), ({"If_None_Match": "*"}, 304, b""),
            ({"If_None_Match": '"a", "b" , ' + tag}, 304, b""), ({"If_None_Match": '"a"'}, 200, b"0123456789"),
            ({"If_Modified_Since": date}, 304, b""), ({"If_Modified_Since": others[0]}, 304, b""),
            ({"If_Modified_Since": others[1]}, 304, b""), ({"If_Modified_Since": older}, 200, b"0123456789"),
            ({"If_Modified_Since": "yesterday"}, 200, b"0123456789"), ({"If_None_Match": '"a"', "If_Modified_Since": newer}, 200, b"0123456789"),
            ({"If_Match": tag}, 200, b"0123456789"), ({"If_Match": "*"}, 200, b"0123456789"), ({"If_Match": '"a"'}, 412, None),
            ({"If_Match": "W/" + tag}, 412, None), ({"If_Unmodified_Since": older}, 412, None),
            ({"If_Unmodified_Since": newer}, 200, b"0123456789"),
            # RFC 9110, 14
            ({"Range": "bytes=2-5"}, 206, b"2345"), ({"Range": "bytes=7-"}, 206, b"789"), ({"Range": "bytes=-2"}, 206, b"89"),
            ({"Range": "bytes=-50"}, 206, b"0123456789"), ({"Range": "bytes=8-50"}, 206, b"89"), ({"Range": "bytes=0-0"}, 206, b"0"),
            ({"Range": "bytes=8-99999999999999999999"}, 206, b"89"), ({"Range": "bytes=10-"}, 416, b""), ({"Range": "bytes=-0"}, 416, b""),
            ({"Range": "bytes=5-2"}, 200, b"0123456789"), ({"Range": "bytes=a-b"}, 200, b"0123456789"), ({"Range": "bytes=-"}, 200, b"0123456789"),
            ({"Range": "lines=1-2"}, 200, b"0123456789"), ({"Range": "bytes=0-1,4-5"}, 200, b"0123456789"),
            ({"Range": "bytes=2-5", "If_Range": tag}, 206, b"2345"), ({"Range": "bytes=2-5", "If_Range": '"a"'}, 200, b"0123456789"),
            ({"Range": "bytes=2-5", "If_Range": "W/" + tag}, 200, b"0123456789"), ({"Range": "bytes=2-5", "If_Range": older}, 200, b"0123456789"),
            ({"Range": "bytes=2-5", "If_None_Match": tag}, 304, b""),
        ):
            with self.subTest(fields):
                answer = self.ask("GET", "/a.txt", **fields)
                self.assertEqual(answer.status, status)
                if content is not None:
                    self.assertEqual(answer.content, content)
                if status == 206:
                    first, last = answer.getheader("Content-Range").removeprefix("bytes ").removesuffix("/10").split("-")
                    self.assertEqual(b"0123456789"[int(first):int(last) + 1], content)
                if status == 416:
                    self.assertEqual(answer.getheader("Content-Range"), "bytes */10")
                if status in (200, 206, 304):
                    self.assertEqual(answer.getheader("ETag"), tag)
        self.assertEqual(self.ask("HEAD", "/a.txt", Range="bytes=2-5").status, 200)
        self.assertEqual(self.ask("GET", "/none", Range="bytes=0-").status, 416)

    def test_a_date_that_is_old_enough_tells_of_one_version(self):
        os.utime(self.web.site / "large", (1e9, 1e9))
        date = self.ask("HEAD", "/large").getheader("Last-Modified")
        self.assertEqual(date, "Sun, 09 Sep 2001 01:46:40 GMT")
        self.assertEqual(self.ask("GET", "/large", Range="bytes=1000000-2999998", If_Range=date).content, LARGE[1000000:2999999])

    def test_what_changes_has_another_tag(self):
        changing = self.web.site / "changing"
        tags = set()
        for content in ("one", "two", "three"):
            changing.write_text(content)
            answer = self.ask("GET", "/changing")
            self.assertEqual(answer.content, content.encode())
            tags.add(answer.getheader("ETag"))
            time.sleep(0.02)
        self.assertEqual(len(tags), 3)

    def test_heads_have_no_bodies_and_the_same_fields(self):
        for path in ("/hello", "/a.txt", "/large", "/nowhere", "/sub", "/sub/", "/", "/live", "/%00"):
            with self.subTest(path):
                head, whole = self.ask("HEAD", path), self.ask("GET", path)
                self.assertEqual(head.content, b"")
                ours = [[(name, value) for name, value in answer.getheaders() if name != "Date"] for answer in (head, whole)]
                self.assertEqual(ours[0], ours[1])
                self.assertEqual(int(whole.getheader("Content-Length")), len(whole.content))

    def test_a_listing_has_what_may_be_asked_for(self):
        page = self.ask("GET", "/").content.decode()
        for told in ('<a href="./a.txt">a.txt</a>', '<a href="./sub/">sub/</a>',
                     '<a href="./a%20%3Cb%3E%20%26%20%C3%A7%C3%A3o.txt">a &lt;b> &amp; ção.txt</a>'):
            self.assertIn(told, page)
        self.assertNotIn("hidden", page)
        self.assertNotIn("../", page)
        self.assertIn("../", self.ask("GET", "/empty/").content.decode())


class WithUring(Clients, unittest.TestCase):
    ENGINE = "auto"


class WithEpoll(Clients, unittest.TestCase):
    ENGINE = "epoll"


class OverTls(Clients, unittest.TestCase):
    TLS = True


class Mistakes(unittest.TestCase):
    def test_they_are_told(self):
        from web_support import PROGRAM
        for words, code in (([], 2), (["--what", "/tmp"], 2), (["/nowhere"], 1), (["--port"], 2),
                            (["--tls", "/nowhere", "/nowhere", "/tmp"], 1)):
            done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, code, words)
            self.assertTrue(done.stderr, words)


if __name__ == "__main__":
    unittest.main()
