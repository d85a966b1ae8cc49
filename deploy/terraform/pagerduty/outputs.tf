output "subscription_id" {
  value       = pagerduty_webhook_subscription.bridge.id
  description = "The webhook subscription."
}

output "webhook_secret" {
  value       = pagerduty_webhook_subscription.bridge.delivery_method[0].secret
  description = "Its signing secret, for PAGERDUTY_WEBHOOK_SECRETS; empty for an imported subscription."
  sensitive   = true
}
