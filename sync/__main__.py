"""`python -m sync` is the `clockface-sync` command."""

from sync.cli import main

if __name__ == "__main__":
    main()
