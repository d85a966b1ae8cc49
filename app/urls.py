"""Addresses that people configure: plain https URLs, and http for loopback hosts."""

import ipaddress
import re

_BASE_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:(?P<port>[0-9]{1,5}))?(/[a-z0-9._~/-]*)?",
    re.IGNORECASE | re.ASCII,
)


def base_url(text: str) -> str:
    """Return the URL, scheme and host in lower case, without a slash at its end; raise ValueError otherwise."""
    url = _BASE_URL.fullmatch(text)
    if url is None or int(url["port"] or 0) > 65535:
        raise ValueError("is not a plain https URL: write it as https://yourinstance.example")
    if url["scheme"].lower() == "http" and not _is_loopback(url["host"].strip("[]")):
        raise ValueError("uses plain http, which is for loopback hosts only: write https://")
    origin = text[: url.end("host")].lower()
    return (origin + text[url.end("host") :]).rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
