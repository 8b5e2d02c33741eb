"""The endpoints of a call, and what happens when one fails."""
