"""What Alertmanager and Prometheus say when they are asked, instead of when they call."""
