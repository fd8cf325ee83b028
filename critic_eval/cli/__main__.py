"""`python -m critic_eval.cli`."""

import sys

from critic_eval.cli.command import main

sys.exit(main())
