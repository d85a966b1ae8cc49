"""What to do at each vendor, in the order of its pages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guide:
    """Steps for people; `{url}` stands for the webhook's address, `{variable}` for the setting of its secret."""

    title: str
    steps: tuple[str, ...]


_WEBHOOK = (
    "Tick all alert actions, Close among them, and add the description and details to the payload.",
    "Add a custom header X-Webhook-Token with a long random word, and put the same word, 16 characters or more, into {variable} and restart.",
)
GUIDES = {
    "pagerduty": Guide(
        "PagerDuty",
        (
            "Integrations → Generic Webhooks (v3) → New Webhook; paste the address below.",
            "Scope: Account. Event types: all whose names begin with “incident.” (with the dot).",
            "Copy the signing secret, which is shown once, into {variable} and restart.",
            "Send Test Event: it is accepted, and ignored, since it is about no incident.",
        ),
    ),
    "opsgenie": Guide(
        "Opsgenie",
        ("Settings → Integrations → Add integration → Webhook; paste the address below.", *_WEBHOOK),
    ),
    "jsm": Guide(
        "JSM Operations",
        ("Operations → Integrations → Add integration → Webhook; paste the address below.", *_WEBHOOK),
    ),
    "jira": Guide(
        "Jira issues",
        (
            "System → WebHooks → Create a WebHook; paste the address below.",
            'Events: issue created, updated, deleted. JQL: issuetype = "[System] Incident"',
            "Generate a secret there, put it into {variable} and restart.",
        ),
    ),
}
