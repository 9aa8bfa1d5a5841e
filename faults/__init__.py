"""What a save leaves when it is killed, or the disk fails, at any of its operations."""
