"""File formats: state in, file out, and back; a module each."""
