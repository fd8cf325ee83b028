"""Declared studies: what each setting of a critic changes, with the others held fixed."""
