"""Child processes and the messages that they exchange."""
