"""`antiphon doctor`: checks with stable codes, each a predicate over what was observed."""
