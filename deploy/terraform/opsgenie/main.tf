terraform {
  required_version = ">= 1.5"
  required_providers {
    opsgenie = {
      source  = "opsgenie/opsgenie"
      version = "~> 0.6"
    }
  }
}

# The API key comes from OPSGENIE_API_KEY.
provider "opsgenie" {
  api_url = var.api_host
}

resource "opsgenie_api_integration" "bridge" {
  name        = var.name
  type        = "Webhook"
  enabled     = true
  webhook_url = "${var.bridge_url}/webhooks/opsgenie"

  headers = {
    "X-Webhook-Token" = var.webhook_token
  }
}
