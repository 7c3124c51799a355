"""The service: records and labels in over HTTP, numbers and events out."""
