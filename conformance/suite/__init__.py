"""The conformance suite, as pytest collects it: `pytest --pyargs saveproof.conformance.suite --subject S`."""
