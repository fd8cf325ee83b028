"""The former place of the command `lmms_eval`, for `python -m critic_eval.lmms_eval_command`."""

import sys

from critic_eval.lmms.command import main

if __name__ == "__main__":
    print("critic_eval.lmms_eval_command is critic_eval.lmms.command now.", file=sys.stderr)
    sys.exit(main())
