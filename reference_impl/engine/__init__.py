"""What a model is made of and how it trains; nothing here knows of files."""
