"""Events: what happened, in one order for all who want to know."""
