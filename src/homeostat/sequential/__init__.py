"""What detectors are made of: series and alarms, control charts, evidence, block means."""
