"""`python -m edge.kiosk.screen`: the same as `clockface-screen`."""

from edge.kiosk.screen.cli import main

main()
