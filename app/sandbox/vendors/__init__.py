"""Stand-ins for the vendors' REST APIs: plain records, shown with each vendor's query, paging, limits and quirks.

Below `/pagerduty`, `/opsgenie` and `/atlassian` stand the paths of api.pagerduty.com, api.opsgenie.com and
api.atlassian.com. They simulate no incident's life: what a test puts at `/sandbox/vendors/<vendor>` is shown.
"""
