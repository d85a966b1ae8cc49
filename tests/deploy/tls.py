"""A certificate that nobody has signed, made where openssl is there."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Certificate(NamedTuple):
    """Files in PEM."""

    chain: Path
    key: Path


def self_signed(folder: Path) -> Certificate:
    """Return a certificate of bridge.example.com and loopback; skip the test without openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no certificate can be made (apt-get install openssl)")
    made = Certificate(folder / "fullchain.pem", folder / "privkey.pem")
    names = "subjectAltName=DNS:bridge.example.com,DNS:localhost,IP:127.0.0.1"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-out", str(made.chain), "-keyout", str(made.key)]
    command = ["openssl", "req", *kind, "-subj", "/CN=bridge.example.com", "-addext", names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return made
