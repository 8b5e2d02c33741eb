"""Batches that the server translates, for vendors whose batches have another form than OpenAI's."""
