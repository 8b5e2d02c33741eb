"""The checks of a release and its dry run. Start it with ``nox -s release``; docs/releasing.md describes it."""
