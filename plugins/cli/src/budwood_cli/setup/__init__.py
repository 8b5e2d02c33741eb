"""``budwood setup``: choose a provider, check its key, choose a model, and save both."""
