"""From a raw text to a verdict: which part of it answers, and what that says."""
