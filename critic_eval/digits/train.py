"""The former place of the training script, for `python -m critic_eval.digits.train`."""

import sys

from critic_eval.training.digits.train import main

if __name__ == "__main__":
    print("critic_eval.digits.train is critic_eval.training.digits.train now.", file=sys.stderr)
    sys.exit(main())
