"""`python -m homeostat`: the command line."""

from homeostat.cli import main

if __name__ == "__main__":
    main()
