"""The production stack under load: what it sustains and takes, and how that grows with traffic and with the log."""
