"""The bridge: receive, fold, deliver."""
