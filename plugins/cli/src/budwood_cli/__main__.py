"""Run the command ``budwood`` as ``python -m budwood_cli``."""

import sys

from budwood_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
