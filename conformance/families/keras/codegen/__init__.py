"""Stand-alone scripts: a case and a finding, written down in the subject's own API."""
