"""The subjects: everything that knows a framework, a folder a family."""
