"""How the embedded critic was trained."""
