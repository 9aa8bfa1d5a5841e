"""Options of the tests that generate."""


def pytest_addoption(parser):
    parser.addoption(
        "--models",
        type=int,
        default=8,
        help="how many generated models other loaders of SavedModels are held to (8)",
    )
    parser.addoption(
        "--every-mutant",
        action="store_true",
        help="compare the findings on every mutant with the record (10 minutes)",
    )
