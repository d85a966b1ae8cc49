"""What the bridge answers over HTTP besides the webhooks."""
