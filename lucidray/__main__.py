"""`python -m lucidray` is the command line."""

import sys

from lucidray.cli.main import main

sys.exit(main())
