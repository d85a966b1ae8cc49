"""The values that histories draw from, chosen for what tends to go wrong with them."""

from __future__ import annotations

MINUTE, HOUR = 60, 3600

TITLES = (
    "Checkout latency above 2 s",
    "Störung: Zahlung schlägt fehl",
    'Disk "/var" is full | host {db-1}',
    "支払いが遅い 🔥",
    "O'Hara's queue is stuck \\ retrying",
    "ALARM: <b>error rate</b> & 5xx > 10 %",
    "ends with a space ",
    "",
    "   ",
)

PAGERDUTY_PRIORITIES = ("P1", "P2", "P3", "P5", "SEV-1", "SEV-3")
NO_PRIORITY = (None, "---")

SERVICE_NAMES = {
    "API Service": "api-service",
    "Zahlungs-Küche / EU": "zahlungs-kuche-eu",
    "Web -- Front_End!": "web-front-end",
    "billing": "billing",
}
"""Names of services with the slugs that the contract gives them, worked out by hand."""

PAGERDUTY_SERVICES: dict[str, tuple[str | None, str]] = {
    **{f"PSVC00{n}": (name, slug) for n, (name, slug) in enumerate(SERVICE_NAMES.items())},
    "PSVC00J": ("支払い", "PSVC00J"),
    "PSVC00N": (None, "PSVC00N"),
}
"""Service id: name, identifier. The id stands in where there is no name or its slug is empty."""

OPSGENIE_SERVICE_IDS = (
    "3f0f6a52-7a0c-4f86-9f0e-0c7f6f1f7a01",
    "3f0f6a52-7a0c-4f86-9f0e-0c7f6f1f7a02",
    "3f0f6a52-7a0c-4f86-9f0e-0c7f6f1f7a03",
)

TEAMS = ("Payments", "Platform SRE", "Équipe Réseau")
POLICIES = ("Default", "Platform on-call", None)
URGENCIES = ("high", "low")
INCIDENT_TYPES = ("incident_default", "major_default", "security_default")
TAGS = ("vip", "db", "eu-west")
ENTITIES = ("db-1", "Server", "", None)
