"""The codecs of the services that generate, read or store media."""
