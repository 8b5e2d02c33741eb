"""The commands `budwood serve` and `budwood server`."""
