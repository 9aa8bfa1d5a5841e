"""Foreign subjects: implementations in another environment or language, over JSON lines."""
