"""Batches: many chat requests that a vendor answers within a day, at a lower price."""
