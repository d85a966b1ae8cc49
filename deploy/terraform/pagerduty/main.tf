terraform {
  required_version = ">= 1.5"
  required_providers {
    pagerduty = {
      source  = "PagerDuty/pagerduty"
      version = ">= 3.0, < 4.0"
    }
  }
}

# The token comes from PAGERDUTY_TOKEN.
provider "pagerduty" {
  service_region = var.service_region
}

resource "pagerduty_webhook_subscription" "bridge" {
  type        = "webhook_subscription"
  description = var.description
  active      = true

  # Alphabetical, as PagerDuty shows them: the provider takes another order for a change.
  events = [
    "incident.acknowledged",
    "incident.delegated",
    "incident.escalated",
    "incident.incident_type.changed",
    "incident.priority_updated",
    "incident.reassigned",
    "incident.reopened",
    "incident.resolved",
    "incident.service_updated",
    "incident.triggered",
    "incident.unacknowledged",
  ]

  delivery_method {
    type = "http_delivery_method"
    url  = "${var.bridge_url}/webhooks/${var.source_name}"
  }

  # The account: an incident that is moved or merged into another service is still told of.
  filter {
    type = "account_reference"
  }
}
