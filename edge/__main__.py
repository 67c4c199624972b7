"""`python -m edge` is the `clockface` command."""

from edge.cli.main import main

if __name__ == "__main__":
    main()
