"""The one exception of the embedded store."""


class EmbeddedStoreError(Exception):
    """A store that cannot run; the text says why and what to do."""
