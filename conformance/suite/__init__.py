"""The suite that pytest collects: `pytest --pyargs saveproof.conformance.suite --subject S`."""
