"""Let ``python -m budwood_cli`` be what ``budwood`` is."""

import sys

from budwood_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
