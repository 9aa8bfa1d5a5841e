"""`python -m saveproof` is the command `saveproof`."""

from saveproof.conformance.cli import main

if __name__ == "__main__":
    main()
