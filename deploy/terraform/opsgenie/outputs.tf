output "integration_id" {
  value       = opsgenie_api_integration.bridge.id
  description = "The integration."
}
