"""`python -m sync.office` is the `clockface-office` command."""

from sync.office.cli.main import main

if __name__ == "__main__":
    main()
