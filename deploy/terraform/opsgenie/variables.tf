variable "bridge_url" {
  type        = string
  description = "Where Opsgenie reaches the bridge, without a slash at the end."

  validation {
    condition     = can(regex("^https://[^/]+(/.*[^/])?$", var.bridge_url))
    error_message = "Write https://bridge.example.com."
  }
}

variable "webhook_token" {
  type        = string
  description = "The token that the bridge has in OPSGENIE_WEBHOOK_TOKENS."
  sensitive   = true

  validation {
    condition     = length(var.webhook_token) >= 16
    error_message = "The bridge takes tokens of 16 characters or more."
  }
}

variable "api_host" {
  type        = string
  default     = "api.opsgenie.com"
  description = "The host of Opsgenie's API, api.eu.opsgenie.com in the EU region; no https:// before it."

  validation {
    condition     = contains(["api.opsgenie.com", "api.eu.opsgenie.com"], var.api_host)
    error_message = "Opsgenie's APIs are at api.opsgenie.com and api.eu.opsgenie.com."
  }
}

variable "name" {
  type        = string
  default     = "Incidents to DX"
  description = "The integration's name, the only one of this name in the account."
}
