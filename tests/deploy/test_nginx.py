"""deploy/nginx in front of a real bridge: TLS, addresses, bounds, what is hidden, and the words for what fails."""

import os
import re
import shutil
import socket
import ssl
import subprocess

import orjson
import pytest
import requests

from app.body import LARGEST_BODY
from app.errors import too_large
from tests.deploy.platforms import DEPLOY
from tests.deploy.tls import self_signed
from tests.harness import ADMIN_TOKEN, Bridge, free_port, signed, wait_until

SITE = DEPLOY / "nginx" / "dx-incident-bridge.conf"
NAME = "bridge.example.com"
NOWHERE = "http://127.0.0.1:9"
MAIN = """
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Nginx:
    """nginx with the site file on free ports of loopback, its upstream a bridge."""

    def __init__(self, folder, upstream):
        self.folder, self.http, self.https = folder, free_port(), free_port()
        self.certificate = self_signed(folder)
        (folder / "site.conf").write_text(self._site(upstream))
        user = "user root;" if os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
        self.command = ["nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
        self.process = None

    def _site(self, upstream):
        """Return the site file with this test's ports, certificate and upstream, and nothing else changed."""
        site = re.sub(r"\n +listen \[::\].*", "", SITE.read_text("utf-8"))
        for old, new in (
            ("listen 80;", f"listen 127.0.0.1:{self.http};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.https} ssl;"),
            (f"/etc/letsencrypt/live/{NAME}/fullchain.pem", str(self.certificate.chain)),
            (f"/etc/letsencrypt/live/{NAME}/privkey.pem", str(self.certificate.key)),
            ("http://127.0.0.1:8000;", f"http://127.0.0.1:{upstream};"),
        ):
            assert site.count(old) == 1, old
            site = site.replace(old, new)
        return site

    def start(self):
        """Start it in the foreground and wait until it answers."""
        self.process = subprocess.Popen([*self.command, "-g", "daemon off;"])
        wait_until(lambda: requests.get(f"http://127.0.0.1:{self.http}/", timeout=5, allow_redirects=False))
        return self

    def stop(self):
        """Stop it."""
        if self.process:
            self.process.terminate()
            self.process.wait(10)

    def ask(self, method, path, **more):
        """Return the answer to a request by TLS, as a vendor or a browser sends it."""
        headers = {"Host": NAME, **more.pop("headers", {})}
        url = f"https://localhost:{self.https}{path}"
        options = {"verify": str(self.certificate.chain), "timeout": 30, "allow_redirects": False}
        return requests.request(method, url, headers=headers, **options, **more)

    def post(self, source, body, **headers):
        """Post one authentic webhook."""
        return self.ask("POST", f"/webhooks/{source}", data=body, headers=signed(source, body) | headers)


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    """Return a bridge that believes one proxy."""
    folder = tmp_path_factory.mktemp("bridge")
    bridge = Bridge(folder, NOWHERE, TRUSTED_PROXIES="1", WEB_CONCURRENCY="1").start("--web-only")
    yield bridge.wait_ready()
    bridge.stop()


@pytest.fixture(scope="module")
def make_nginx(tmp_path_factory):
    """Return a function that makes an nginx before a port; skip where it is not installed."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed: its site file was not tried (apt-get install nginx-light)")
    made = []

    def make(upstream):
        made.append(Nginx(tmp_path_factory.mktemp("nginx"), upstream))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture(scope="module")
def nginx(make_nginx, bridge):
    """Return a running nginx before the bridge."""
    return make_nginx(bridge.port).start()


def test_nginx_finds_no_fault(make_nginx):
    """`nginx -t` is content with the site file and warns of nothing."""
    tested = subprocess.run([*make_nginx(9).command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr


def test_webhooks_come_through(nginx, bridge):
    """Authentic webhooks of every vendor are accepted, the same again is a duplicate, a forged one refused."""
    before = bridge.stats()["events"]["received"]
    bodies = {
        name: orjson.dumps({"action": "Create", "from": name})
        for name in ("pagerduty", "opsgenie", "jsm", "jira")
    }
    assert [nginx.post(name, body).status_code for name, body in bodies.items()] == [202] * 4
    assert nginx.post("jsm", bodies["jsm"]).status_code == 200
    forged = nginx.ask("POST", "/webhooks/pagerduty", data=b"{}", headers={"X-PagerDuty-Signature": "v1=00"})
    assert (forged.status_code, forged.json()["error"]) == (401, "not_authentic")
    assert bridge.stats()["events"]["received"] == before + 4


def test_the_largest_body_comes_through_and_one_byte_more_does_not(nginx):
    """1 MiB is accepted; one byte more is told in the words of the bridge itself."""
    frame = len(b'{"action":""}')
    assert nginx.post("opsgenie", b'{"action":"%s"}' % (b"x" * (LARGEST_BODY - frame))).status_code == 202
    refused = nginx.post("opsgenie", b'{"action":"%s"}' % (b"x" * (LARGEST_BODY - frame + 1)))
    own = too_large(LARGEST_BODY)
    assert (refused.status_code, refused.headers["Content-Type"]) == (413, "application/json")
    assert refused.json() == {"error": own.code, "message": own.message}
    assert "X-Request-ID" not in refused.headers, "it went all the way to the bridge"


def test_a_slow_body_keeps_no_thread_of_the_bridge(nginx, bridge):
    """Half a body stays with nginx: the bridge has answered others before it ends."""
    body = orjson.dumps({"action": "Create", "slow": True})
    head = "".join(f"{name}: {value}\r\n" for name, value in signed("opsgenie", body).items())
    request = f"POST /webhooks/opsgenie HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {len(body)}\r\n{head}\r\n"
    context = ssl.create_default_context(cafile=str(nginx.certificate.chain))
    with (
        socket.create_connection(("127.0.0.1", nginx.https)) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as connection,
    ):
        connection.sendall(request.encode() + body[:5])
        assert nginx.ask("GET", "/readyz").ok
        wait_until(lambda: established(bridge.port) == 0, 5, "an idle bridge")
        connection.sendall(body[5:])
        assert b" 202 " in connection.recv(4096).splitlines()[0]


def established(port):
    """Return how many connections to this port of loopback are open."""
    import psutil  # noqa: PLC0415

    found = psutil.net_connections("tcp")
    return sum(each.status == "ESTABLISHED" and each.laddr.port == port for each in found)


class From(requests.adapters.HTTPAdapter):
    """Connects from this address."""

    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        """Bind before connecting."""
        super().init_poolmanager(*arguments, **options, source_address=(self.address, 0))


def sign_in(nginx, token, *, source, claimed="203.0.113.1"):
    """Try to sign in from an address of loopback that claims to be another."""
    with requests.Session() as session:
        session.mount("https://", From(source))
        headers = {"Host": NAME, "X-Forwarded-For": claimed, "X-Forwarded-Proto": "http"}
        options = {"verify": str(nginx.certificate.chain), "timeout": 10, "allow_redirects": False}
        url = f"https://127.0.0.1:{nginx.https}/sign-in"
        return session.post(url, data={"token": token}, headers=headers, **options)


def test_the_bridge_sees_each_client_and_no_spoofed_one(nginx):
    """Clients on two addresses are braked apart, whatever the addresses that they claim."""
    tries = [sign_in(nginx, "a wrong one", source="127.0.0.2", claimed=f"203.0.113.{n}") for n in range(6)]
    assert [each.status_code for each in tries] == [401] * 5 + [429]
    assert sign_in(nginx, "a wrong one", source="127.0.0.3").status_code == 401


def test_the_session_cookie_is_for_tls(nginx):
    """A sign-in through nginx sets a Secure cookie, although the client claims to come without TLS."""
    answer = sign_in(nginx, ADMIN_TOKEN, source="127.0.0.4")
    assert answer.status_code == 303
    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("header", ["X-Forwarded-Ssl", "X-Forwarded-Protocol", "X-Forwarded-Proto"])
def test_a_clients_word_for_the_scheme_does_no_harm(nginx, header):
    """A header that contradicts nginx's own is not passed on, so the webhook is not refused for it."""
    body = orjson.dumps({"action": "Create", "by": header})
    assert nginx.post("opsgenie", body, **{header: "off"}).status_code == 202


@pytest.mark.parametrize("path", ["/metrics", "/metrics?x=1", "//metrics", "/%6detrics"])
def test_metrics_are_hidden(nginx, bridge, path):
    """However it is written, the address of the metrics is not found from outside, and is from inside."""
    answer = nginx.ask("GET", path)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert requests.get(f"{bridge.url}/metrics", timeout=10).ok


def test_plain_http_is_sent_to_tls(nginx):
    """The same address by https, with the method kept."""
    url = f"http://127.0.0.1:{nginx.http}/incidents?q=a"
    answer = requests.get(url, headers={"Host": NAME}, timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://{NAME}/incidents?q=a")


def test_while_the_bridge_is_away_vendors_are_asked_to_return(make_nginx):
    """A bridge that restarts is a 503 with Retry-After in the shape of every error, not a page of nginx."""
    answer = make_nginx(free_port()).start().post("opsgenie", b'{"action":"Create"}')
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json().keys() == {"error", "message"}
