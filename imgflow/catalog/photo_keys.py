"""The keys of photos, for those who need no database."""


def folder_of(key: str) -> str:
    """The key's folder; empty at the top."""
    return key.rpartition("/")[0]
