"""`python -m appkit` is `appkit`."""

from appkit.cli.main import main

main()
