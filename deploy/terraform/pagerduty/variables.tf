variable "bridge_url" {
  type        = string
  description = "Where PagerDuty reaches the bridge, without a slash at the end."

  validation {
    condition     = can(regex("^https://[^/]+(/.*[^/])?$", var.bridge_url))
    error_message = "Write https://bridge.example.com: PagerDuty follows no redirect."
  }
}

variable "source_name" {
  type        = string
  default     = "pagerduty"
  description = "The source's name in the bridge, another than this for a further account in bridge.toml."
}

variable "service_region" {
  type        = string
  default     = "us"
  description = "The account's service region: us or eu."

  validation {
    condition     = contains(["us", "eu"], var.service_region)
    error_message = "PagerDuty has the regions us and eu."
  }
}

variable "description" {
  type        = string
  default     = "Incidents to DX"
  description = "What PagerDuty's list of webhooks shows."
}
